import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  freePorts,
  makeTempDir,
  makeTempHome,
  projectDirectory,
  startNode,
  type TempHome,
} from '#test-support';
import { readPlist } from './testing/read-plist.ts';

/**
 * No service manager runs where tests do. These programs stand in for it: they write down how they were called, answer
 * what the files beside them say, and fail when they are told to.
 */
const standIns = {
  systemctl: `[ ! -e no-session ] || { echo 'Failed to connect to bus: No medium found' >&2; exit 1; }
case "$*" in
  *show-environment*) cat environment ;;
  *' show '*) cat state 2>/dev/null || printf 'UnitFileState=\\nActiveState=inactive\\nMainPID=0\\n' ;;
  *' enable '*) [ ! -e broken ] || { echo 'Job for throughline.socket failed.' >&2; exit 1; }
    printf 'UnitFileState=enabled\\nActiveState=active\\nMainPID=4711\\n' > state ;;
  *' disable '*) rm -f state ;;
esac`,
  loginctl: 'cat linger 2>/dev/null || echo no',
  launchctl: `case "$1" in
  print) case "$2" in
    */throughline) [ -e state ] || exit 113; printf '\\tstate = running\\n\\tpid = 4711\\n' ;;
    *) [ ! -e no-session ] || { echo 'Could not find domain' >&2; exit 125; } ;;
    esac ;;
  print-disabled) [ -e disabled ] && echo '"throughline" => disabled' ;;
  bootstrap) [ ! -e broken ] || { echo 'Bootstrap failed: 5' >&2; exit 5; }; touch state ;;
  bootout) rm -f state ;;
esac
true`,
} as const;

/** The same sources are started many times. */
const compiled = makeTempDir('compiled');
let home: TempHome;
let manager: string;
beforeEach(() => {
  home = makeTempHome('service');
  manager = home.join('manager');
  mkdirSync(manager);
  for (const [name, body] of Object.entries(standIns)) {
    const log = name === 'systemctl' || name === 'launchctl' ? 'echo "$*" >> calls\n' : '';
    // What is stood in for works in its own directory, like the daemon behind the real program.
    writeFileSync(
      join(manager, name),
      `#!/bin/sh
cd '${manager}'
${log}${body}
`,
    );
    chmodSync(join(manager, name), 0o755);
  }
  manage('environment', `HOME=${home.homeDir}\nLANG=C.UTF-8\n`);
});
afterEach(() => home.remove());

function manage(name: string, text = ''): void {
  writeFileSync(join(manager, name), text);
}

/** Calls that change something. */
function calls(): string[] {
  const log = join(manager, 'calls');
  const all = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return all.filter((call) => !/^(--user show|print)/.test(call));
}

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(nodeArguments: string[], args: string[], env: Record<string, string>): Promise<Said> {
  const path = `${manager}:${home.env.PATH}`;
  const environment = { ...home.env, PATH: path, NODE_COMPILE_CACHE: compiled.path, ...env };
  const [program = '', ...rest] = args;
  const child = startNode(program, rest, { env: environment, cwd: home.path, input: '', nodeArguments });
  const { code } = await child.exited;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

function service(args: string[], env: Record<string, string> = {}): Promise<Said> {
  return run([], [join(projectDirectory, 'src/cli/main.ts'), 'service', ...args], env);
}

const unitPath = (name: string): string =>
  join(home.env.XDG_CONFIG_HOME!, 'systemd/user', `throughline.${name}`);
const unit = (name: string): string => readFileSync(unitPath(name), 'utf8');

describe('"throughline service" with systemd', () => {
  it('writes the units, starts them, says how they are, and takes them away again', async () => {
    expect(await service(['status'])).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('installed  no'),
    });
    const installed = await service(['install']);
    expect(installed.stderr).toContain('loginctl enable-linger');
    expect(installed).toMatchObject({ code: 0, stdout: expect.stringContaining('http://127.0.0.1:3000') });
    expect(calls()).toEqual([
      '--user daemon-reload',
      '--user enable --now throughline.socket throughline.service',
    ]);
    expect(unit('service')).toContain(`\nExecStart=${join(projectDirectory, 'bin/throughline')} up\n`);
    expect(unit('socket')).toContain('\nListenStream=127.0.0.1:3000\n');

    const status = await service(['status', '--json']);
    expect([status.code, JSON.parse(status.stdout)]).toMatchObject([
      0,
      { v: 1, manager: 'systemd', installed: true, enabled: true, running: true, pid: 4711 },
    ]);
    expect(JSON.parse(status.stdout).files).toEqual([
      { path: unitPath('socket'), state: 'current' },
      { path: unitPath('service'), state: 'current' },
    ]);

    const removed = await service(['uninstall', '--json']);
    expect([removed.code, JSON.parse(removed.stdout)]).toEqual([
      0,
      { v: 1, manager: 'systemd', removed: [unitPath('socket'), unitPath('service')] },
    ]);
    expect(calls().slice(2)).toEqual([
      '--user disable --now throughline.socket throughline.service',
      '--user daemon-reload',
    ]);
    expect(readdirSync(join(unitPath('service'), '..'))).toEqual([]);
    expect(await service(['uninstall'])).toMatchObject({ code: 4 });
  });

  it('shows with --print what it would do, and does nothing, with a session or without', async () => {
    manage('no-session');
    const text = await service(['install', '--print']);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain(
      `==> ${unitPath('service')} <==\n# Written by "throughline service install"`,
    );
    expect(text.stdout).toContain('systemctl --user enable --now throughline.socket throughline.service');
    const json = await service(['install', '--dry-run', '--json']);
    const { v, files, commands } = JSON.parse(json.stdout);
    expect([v, files.map(({ path }: { path: string }) => path), commands.length]).toEqual([
      1,
      [unitPath('socket'), unitPath('service')],
      2,
    ]);
    expect(calls()).toEqual([]);
    expect(existsSync(unitPath('service'))).toBe(false);
  });

  it('installs again what is installed, and changes nothing', async () => {
    await service(['install']);
    const before = unit('service');
    manage('linger', 'yes\n');
    const again = await service(['install', '--json']);
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
      0,
      {
        files: [{ written: false }, { written: false }],
        advice: ['Its log: journalctl --user -u throughline'],
      },
    ]);
    expect(unit('service')).toBe(before);
  });

  it('replaces no unit that says something else, shows the difference, and does it with --force', async () => {
    await service(['install']);
    const edited = unit('service').replace('RestartSec=1', 'RestartSec=30');
    writeFileSync(unitPath('service'), edited);
    const refused = await service(['install']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('- RestartSec=30\n  + RestartSec=1\n');
    expect(refused.stderr).toContain('was changed since this command wrote it');
    expect(refused.stderr).toContain('throughline service install --force');
    expect(unit('service')).toBe(edited);
    const kept = await service(['uninstall']);
    expect(kept).toMatchObject({ code: 1, stderr: expect.stringContaining('uninstall --force') });
    expect(calls()).toHaveLength(2);

    const forced = await service(['install', '--force']);
    expect(forced).toMatchObject({ code: 0, stderr: expect.stringContaining('systemctl --user restart') });
    expect(unit('service')).toContain('\nRestartSec=1\n');
  });

  it('tells units of others from its own of another configuration', async () => {
    mkdirSync(join(unitPath('socket'), '..'), { recursive: true });
    writeFileSync(unitPath('socket'), '[Socket]\nListenStream=3000\n');
    expect((await service(['install'])).stderr).toContain('was not written by this command');
    expect((await service(['uninstall'])).stderr).toContain('was not written by this command');
    rmSync(unitPath('socket'));
    await service(['install']);
    writeFileSync(home.configFile, 'server: { port: 4000 }\n');
    const other = await service(['install', '--config', home.configFile]);
    expect(other.stderr).toContain('by this command for another installation or configuration');
    expect(other.stderr).toContain('+ ListenStream=127.0.0.1:4000');
    const { stdout } = await service(['status', '--json', '--config', home.configFile]);
    expect(JSON.parse(stdout).files).toMatchObject([{ state: 'written' }, { state: 'written' }]);
  });

  it('takes the configuration as the service will see it, and says what this shell adds', async () => {
    writeFileSync(home.configFile, 'server: { port: 4000 }\n');
    const env = { THROUGHLINE_CONFIG: 'config.yaml', PORT: '5000', DATA_DIR: home.homeDir };
    const { code, stderr } = await service(['install'], env);
    expect(code).toBe(0);
    expect(stderr).toContain('does not see PORT of this shell');
    expect(unit('service')).toContain(`up --config ${home.configFile}\n`);
    expect(unit('service')).toContain(` THROUGHLINE_DATA_DIR=${home.homeDir}\n`);
    expect(unit('socket')).toContain('\nListenStream=127.0.0.1:4000\n');
  });

  it('refuses a configuration that only this shell makes valid', async () => {
    writeFileSync(home.configFile, `server: { port: "\${MY_PORT}" }\n`);
    const args = ['install', '--config', home.configFile];
    const refused = await service(args, { MY_PORT: '4000' });
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('variables of this shell are not seen there');
    manage('environment', `HOME=${home.homeDir}\nMY_PORT=4000\n`);
    expect(await service(args)).toMatchObject({ code: 0 });
  });

  it('says what to do where there is no session, no systemd, or a port that changes', async () => {
    manage('no-session');
    const noSession = await service(['install']);
    expect(noSession.code).toBe(1);
    expect(noSession.stderr).toMatch(
      /has no session of systemd here \(Failed to connect to bus: No medium found\)/,
    );
    expect(noSession.stderr).toContain('loginctl enable-linger');
    expect(await service(['uninstall'])).toMatchObject({ code: 1 });
    const asked = await service(['status']);
    expect(asked.stdout).toContain('running    unknown\nsystemd cannot be asked: Failed to connect to bus');
    rmSync(join(manager, 'systemctl'));
    const noSystemd = await service(['install'], { PATH: manager });
    expect(noSystemd).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this system has no systemd'),
    });
    const anyPort = await service(['install', '--print'], { THROUGHLINE_CONFIG: anyPortConfig() });
    expect(anyPort).toMatchObject({ code: 1, stderr: expect.stringContaining('server.port') });
    expect(existsSync(unitPath('service'))).toBe(false);
  });

  it('makes no service of root for somebody who borrowed the rights of root', async () => {
    const code = `
      import { serviceManager } from ${JSON.stringify(join(projectDirectory, 'src/cli/service/surroundings.ts'))};
      const me = { platform: 'linux', env: { SUDO_USER: 'alice' }, homeDir: '/root', userName: 'root' };
      console.log(serviceManager({ ...me, uid: 1000 }).name);
      console.log(serviceManager({ ...me, env: {}, uid: 0 }).name);
      try { serviceManager({ ...me, uid: 0 }); } catch (error) { console.log(error.message, error.fix); }
    `;
    const { stdout } = await run(['--input-type=module', '-e', code], ['-'], {});
    expect(stdout).toBe(
      'systemd\nsystemd\nthis would be a service of root, which answers nobody but root Run it as alice, without sudo.\n',
    );
  });

  it('leaves nothing behind when it cannot be started, and what was there before as it was', async () => {
    manage('broken');
    const failed = await service(['install']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('Job for throughline.socket failed.');
    expect(failed.stderr).toContain('journalctl --user');
    expect(readdirSync(join(unitPath('service'), '..'))).toEqual([]);
    expect(calls().slice(-2)).toEqual([
      '--user disable --now throughline.socket throughline.service',
      '--user daemon-reload',
    ]);
    writeFileSync(unitPath('service'), 'mine\n');
    expect((await service(['install', '--force'])).code).toBe(1);
    expect(unit('service')).toBe('mine\n');
  });
});

describe('"throughline service" with launchd', () => {
  const agentPath = (): string => join(home.homeDir, 'Library/LaunchAgents/throughline.plist');

  /** The command as it runs on macOS. */
  function onMac(name: 'install' | 'uninstall' | 'status', options: object = {}): Promise<Said> {
    const place = (file: string) => JSON.stringify(join(projectDirectory, `src/cli/service/${file}.ts`));
    const code = `
      import { installService } from ${place('install-service')};
      import { serviceStatus } from ${place('service-status')};
      import { uninstallService } from ${place('uninstall-service')};
      import { printError } from ${JSON.stringify(join(projectDirectory, 'src/cli/output.ts'))};
      const commands = { install: installService, uninstall: uninstallService, status: serviceStatus };
      const mac = { platform: 'darwin', env: {}, homeDir: ${JSON.stringify(home.homeDir)}, uid: 501, userName: 'me' };
      await commands.${name}(${JSON.stringify(options)}, mac).catch((error) => { process.exitCode = printError(error); });
    `;
    return run(['--input-type=module', '-e', code], ['-'], {});
  }

  it('writes the agent, starts it, says how it is, and takes it away again', async () => {
    expect(await onMac('status')).toMatchObject({ code: 4 });
    expect(await onMac('install')).toMatchObject({ code: 0 });
    expect(calls()).toEqual(['enable gui/501/throughline', `bootstrap gui/501 ${agentPath()}`]);
    expect(readPlist(readFileSync(agentPath(), 'utf8'))).toMatchObject({
      ProgramArguments: [join(projectDirectory, 'bin/throughline'), 'up'],
    });
    const status = await onMac('status', { json: true });
    expect([status.code, JSON.parse(status.stdout)]).toMatchObject([
      0,
      { manager: 'launchd', installed: true, enabled: true, running: true, pid: 4711 },
    ]);
    expect(await onMac('uninstall')).toMatchObject({ code: 0 });
    expect(calls().slice(2)).toEqual(['bootout gui/501/throughline']);
    expect(existsSync(agentPath())).toBe(false);
  });

  it('says what to do where nobody is logged in, and leaves nothing behind that does not start', async () => {
    manage('no-session');
    const noSession = await onMac('install');
    expect(noSession).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Log in as me on the screen'),
    });
    rmSync(join(manager, 'no-session'));
    manage('broken');
    const failed = await onMac('install');
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('Bootstrap failed: 5') });
    expect(existsSync(agentPath())).toBe(false);
  });
});

function anyPortConfig(): string {
  writeFileSync(home.configFile, 'server: { port: 0 }\n');
  return home.configFile;
}

/** Starts a systemd for a user in namespaces of its own, and runs the rest of its arguments there. */
const withSystemd = `
mount -t tmpfs none /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
/usr/lib/systemd/systemd --user > "$HOME/systemd.log" 2>&1 &
until systemctl --user show-environment > "$HOME/environment" 2>&1; do sleep 0.2; done
"$@"
`;

// Needs root, systemd and a kernel that lets it manage control groups, which few machines that run tests have all of.
if (process.env.THROUGHLINE_TEST_SYSTEMD === '1') {
  it('a service is started by the real systemd, answers at its sockets, and is gone afterwards', {
    timeout: 200_000,
  }, async () => {
    const ports = await freePorts(3);
    const [port, core_port, data_port] = ports;
    writeFileSync(home.configFile, JSON.stringify({ server: { port, core_port, data_port } }));
    const cli = `"${process.execPath}" "${join(projectDirectory, 'src/cli/main.ts')}" service`;
    const steps = [
      `${cli} install --json --config "$CONFIG"`,
      `"${process.execPath}" -e 'fetch("http://127.0.0.1:${port}/livez").then(({ status }) => console.log(status))'`,
      `${cli} status --json --config "$CONFIG"`,
      `${cli} uninstall --json`,
      `${cli} status --json || echo $?`,
    ];
    const { stdout, stderr, status } = spawnSync(
      'unshare',
      [
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        'sh',
        '-c',
        withSystemd,
        'sh',
        'sh',
        '-ec',
        steps.join('\n'),
      ],
      {
        encoding: 'utf8',
        timeout: 180_000,
        env: {
          PATH: process.env.PATH,
          HOME: home.homeDir,
          XDG_RUNTIME_DIR: '/run/user/0',
          CONFIG: home.configFile,
        },
      },
    );
    const said = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([status, said], stderr).toMatchObject([
      0,
      [
        { files: [{ written: true }, { written: true }] },
        200,
        { installed: true, enabled: true, running: true },
        { removed: [{}, {}] },
        { installed: false, enabled: false, running: false },
        4,
      ],
    ]);
  });
}
