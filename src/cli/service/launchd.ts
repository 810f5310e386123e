import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, exitCodes } from '../cli-error.ts';
import { installation } from '../installation.ts';
import { launchdAgent } from './launchd-agent.ts';
import { runProgram } from './run-program.ts';
import type { ManagedState, ServiceManager } from './service-manager.ts';

export interface LaunchdOptions {
  readonly homeDir: string;
  readonly uid: number;
  readonly userName: string;
}

/** The agent of one user, in that user's graphical session. */
export function launchd({ homeDir, uid, userName }: LaunchdOptions): ServiceManager {
  const path = join(homeDir, 'Library', 'LaunchAgents', 'throughline.plist');
  const domain = `gui/${uid}`;
  const label = `${domain}/throughline`;
  const template = join(installation().root, 'examples', 'launchd', 'throughline.plist');
  const isLoaded = (): boolean => runProgram('launchctl', ['print', label]).code === 0;
  const activation = [
    ['enable', label],
    ['bootstrap', domain, path],
  ];

  return {
    name: 'launchd',
    paths: [path],
    environment() {
      const { code, complaint } = runProgram('launchctl', ['print', domain]);
      if (code !== 0)
        throw new CliError(
          exitCodes.failed,
          `${userName} has no graphical session here (${complaint})`,
          `Log in as ${userName} on the screen of this machine and try again there.`,
        );
      return { HOME: homeDir, USER: userName, LOGNAME: userName };
    },
    define: (facts) => [{ path, text: launchdAgent(readFileSync(template, 'utf8'), facts) }],
    activation: activation.map((args) => ['launchctl', ...args].join(' ')),
    activate() {
      // What runs goes on as it was started: see `advice`.
      if (!isLoaded()) for (const args of activation) mustWork(args);
    },
    deactivate() {
      if (isLoaded()) mustWork(['bootout', label]);
    },
    forget() {},
    state: () => state(domain, label),
    advice: ({ isReplaced }) => [
      ...(isReplaced
        ? [
            `What runs goes on as it was started. To use the new definition: launchctl bootout ${label}, then launchctl bootstrap ${domain} ${path}`,
          ]
        : []),
      `Its log: ${join(homeDir, 'Library', 'Logs', 'throughline.log')}`,
    ],
  };
}

function mustWork(args: readonly string[]): void {
  const { code, complaint } = runProgram('launchctl', args);
  if (code === 0) return;
  throw new CliError(
    exitCodes.failed,
    `launchctl ${args.join(' ')} failed: ${complaint}`,
    'The system log says more: log show --last 5m --predicate \'process == "launchd"\'',
  );
}

function state(domain: string, label: string): ManagedState {
  const disabled = runProgram('launchctl', ['print-disabled', domain]);
  if (disabled.code !== 0) return { isEnabled: undefined, isRunning: undefined, trouble: disabled.complaint };
  const { code, stdout } = runProgram('launchctl', ['print', label]);
  const pid = Number(/^\s*pid = (\d+)$/m.exec(stdout)?.[1]);
  return {
    isEnabled: !/"throughline" => (?:disabled|true)/.test(disabled.stdout),
    isRunning: code === 0 && pid > 0,
    ...(pid > 0 ? { pid } : {}),
  };
}
