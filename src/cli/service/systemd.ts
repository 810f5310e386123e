import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CliError, exitCodes } from '../cli-error.ts';
import { installation } from '../installation.ts';
import { type ProgramResult, runProgram } from './run-program.ts';
import type { ManagedState, ServiceManager } from './service-manager.ts';
import { serviceUnit, socketUnit } from './systemd-units.ts';

export interface SystemdOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly homeDir: string;
  readonly uid: number;
  readonly userName: string;
}

// The sockets come first: they are there when the service starts, and go last.
const units = ['throughline.socket', 'throughline.service'] as const;
const activation = [['daemon-reload'], ['enable', '--now', ...units]] as const;

/** The units of one user, under the instance of systemd that this user's session has. */
export function systemd({ env, homeDir, uid, userName }: SystemdOptions): ServiceManager {
  const configHome = env.XDG_CONFIG_HOME ?? '';
  const directory = join(isAbsolute(configHome) ? configHome : join(homeDir, '.config'), 'systemd', 'user');
  const [socketPath, servicePath] = units.map((unit) => join(directory, unit)) as [string, string];
  const template = (unit: string): string =>
    readFileSync(join(installation().root, 'examples', 'systemd', unit), 'utf8');

  return {
    name: 'systemd',
    paths: [socketPath, servicePath],
    environment() {
      const result = systemctl('show-environment');
      if (result.code === 0) return parseEnvironment(result.stdout);
      if (result.code === undefined)
        throw new CliError(
          exitCodes.failed,
          'this system has no systemd: there is no program systemctl',
          'Let the service manager that it has run "throughline up", or see docs/operating.md for a container.',
        );
      throw new CliError(
        exitCodes.failed,
        `${userName} has no session of systemd here (${result.complaint})`,
        `Log in as ${userName} directly, not with su or sudo. Where nobody logs in: sudo loginctl enable-linger ${userName}, then export XDG_RUNTIME_DIR=/run/user/${uid}`,
      );
    },
    define: (facts) => [
      { path: socketPath, text: socketUnit(template('throughline.socket'), facts) },
      { path: servicePath, text: serviceUnit(template('throughline.service'), facts) },
    ],
    activation: activation.map((args) => ['systemctl', '--user', ...args].join(' ')),
    activate() {
      for (const args of activation) mustWork(args);
    },
    deactivate: () => mustWork(['disable', '--now', ...units]),
    forget: () => mustWork(['daemon-reload']),
    state,
    advice({ isReplaced }) {
      const linger = runProgram('loginctl', ['show-user', userName, '--property=Linger', '--value']);
      return [
        ...(isReplaced
          ? [
              'What runs goes on as it was started. To use the new definition: systemctl --user restart throughline',
            ]
          : []),
        ...(linger.stdout.trim() === 'yes'
          ? []
          : [`It ends when you log out. To keep it running: loginctl enable-linger ${userName}`]),
        'Its log: journalctl --user -u throughline',
      ];
    },
  };
}

function systemctl(...args: readonly string[]): ProgramResult {
  return runProgram('systemctl', ['--user', ...args]);
}

function mustWork(args: readonly string[]): void {
  const { code, complaint } = systemctl(...args);
  if (code === 0) return;
  throw new CliError(
    exitCodes.failed,
    `systemctl --user ${args.join(' ')} failed: ${complaint}`,
    'Its log says more: journalctl --user -u throughline.socket -u throughline.service',
  );
}

function state(): ManagedState {
  const properties = ['UnitFileState', 'ActiveState', 'MainPID'];
  const { code, stdout, complaint } = systemctl('show', units[1], `--property=${properties.join(',')}`);
  if (code !== 0) return { isEnabled: undefined, isRunning: undefined, trouble: complaint };
  const facts = new Map(stdout.split('\n').map((line) => [line.split('=')[0]!, line.split('=')[1] ?? '']));
  const pid = Number(facts.get('MainPID'));
  return {
    isEnabled: facts.get('UnitFileState') === 'enabled',
    isRunning: ['active', 'reloading', 'deactivating'].includes(facts.get('ActiveState') ?? ''),
    ...(pid > 0 ? { pid } : {}),
  };
}

/** Lines of `NAME=value`; a value with unusual characters stands in `$'…'`. */
function parseEnvironment(text: string): Record<string, string> {
  const variables = text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const quoted = /^\$'(.*)'$/.exec(value)?.[1];
    return [[name, quoted === undefined ? value : quoted.replace(/\\(.)/g, '$1')] as const];
  });
  return Object.fromEntries(variables);
}
