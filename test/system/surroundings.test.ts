import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type FakeProvider,
  listStored,
  makeTempHome,
  ownCli,
  readBack,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  waitFor,
} from '#test-support';
import { addressesOf, filesBelow } from './hostile-client.ts';

// Where the services run: on a machine with other users, in a directory that somebody else filled, on a network.
let provider: FakeProvider;
/** Where nothing may ever arrive. */
let evil: FakeProvider;

beforeAll(async () => {
  provider = await startFakeProvider();
  evil = await startFakeProvider();
});
afterAll(async () => {
  await provider?.close();
  await evil?.close();
});

describe('SEC-05: an address beyond this machine', () => {
  it.each<[string, Record<string, unknown>, Record<string, string>]>([
    ['without a token', { host: '0.0.0.0', allow_remote: true }, {}],
    ['without being asked twice', { host: '0.0.0.0', token: 'an-access-token-of-a-test-0123456789' }, {}],
    ['with a token that is too short', { host: '0.0.0.0', allow_remote: true, token: 'short' }, {}],
    ['of every interface by IPv6', { host: '::', allow_remote: true }, {}],
    ['with an empty token', { host: '0.0.0.0', allow_remote: true, token: '' }, {}],
  ])('%s keeps the services from starting', async (_how, server, env) => {
    const home = makeTempHome('remote');
    writeConfig(home, { server: { port: 0, core_port: 0, data_port: 0, ...server } });
    const cli = runCli(home, ['up', '--config', home.configFile], env);
    const { code } = await cli.exited;
    expect(code).not.toBe(0);
    expect(cli.stderr()).toMatch(/token|allow_remote/);
    expect(existsSync(join(home.dataDir, 'journal'))).toBe(false);
    home.remove();
  });

  it('is not taken from the environment', async () => {
    const env = { HOST: '0.0.0.0', BIND: '0.0.0.0', SERVER_HOST: '0.0.0.0', THROUGHLINE_HOST: '0.0.0.0' };
    await using other = await startThroughline({
      providerOrigin: provider.origin,
      config: { server: { host: 'localhost' } },
      env,
    });
    for (const url of Object.values(addressesOf(other))) {
      const port = new URL(url).port;
      expect(listeningHosts(Number(port))).toEqual(['loopback']);
    }
  });
});

describe('SEC-06: another user of this machine', () => {
  it('may neither read a file of the data directory nor ask any address', { timeout: 60_000 }, async () => {
    const home = makeTempHome('shared');
    // The user was careless: everything that existed before us is open to look at.
    for (const path of [home.path, home.homeDir, home.dataDir]) chmodSync(path, 0o755);
    await using other = await startThroughline({ providerOrigin: provider.origin, home });
    await askOnce(other.frontUrl, { method: 'POST', target: '/v1/messages', body: '{"secret":"words"}' });
    await readBack(other, 1);
    const closed = await asNobody(lookAround, [home.dataDir]);
    expect(closed.read).toEqual([]);
    // Even when the directories are opened later, every file and socket is closed by itself.
    for (const name of readdirSync(home.dataDir, { recursive: true, withFileTypes: true }))
      if (name.isDirectory()) chmodSync(join(name.parentPath, name.name), 0o755);
    const inside = await asNobody(lookAround, [home.dataDir]);
    expect(inside.read).toEqual([]);
    expect(inside.refused.length).toBeGreaterThanOrEqual(filesBelow(home.dataDir).length);
    for (const pid of [other.supervisor.pid, ...Object.values(other.pids())]) {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      expect(command.includes(other.token)).toBe(false);
      const files = await asNobody(
        lookAround,
        ['environ', 'mem', 'maps'].map((name) => `/proc/${pid}/${name}`),
      );
      expect(files.read).toEqual([]);
    }

    const before = provider.requests.length;
    const urls = Object.values(addressesOf(other));
    const answers = await asNobody<Record<string, number>>(askAround, urls);
    for (const [what, status] of Object.entries(answers)) expect(status, what).toBe(403);
    expect(Object.keys(answers)).toHaveLength(urls.length * 8);
    expect(provider.requests.length).toBe(before);
    expect(await listStored(other)).toHaveLength(1);
    const withToken = await asNobody<Record<string, number>>(askAround, [other.frontUrl], other.token);
    expect(withToken['GET /api/v2/requests']).toBe(200);
    home.remove();
  });
});

describe('SEC-19: a hostile project as working directory', () => {
  it('changes neither where requests go nor what is run', async () => {
    const home = makeTempHome('project');
    const project = home.join('project');
    const mark = home.join('was-run');
    layOutTraps(project, evil.origin, mark);
    mkdirSync(join(home.homeDir, '.config/throughline'), { recursive: true });
    writeFileSync(
      join(home.homeDir, '.config/throughline/config.yaml'),
      JSON.stringify(plainConfig(provider.origin)),
    );
    const cli = runCli(home, ['up'], { DATA_DIR: home.dataDir }, project);
    try {
      const url = await waitFor(() => frontOf(home.dataDir), { timeoutMs: 20_000, what: () => cli.stderr() });
      const before = provider.requests.length;
      expect((await askOnce(url, { target: '/v1/models' })).status).toBe(200);
      expect(provider.requests.length).toBe(before + 1);
    } finally {
      cli.child.kill('SIGTERM');
      await cli.exited;
    }
    expect(evil.connections).toEqual([]);
    expect(existsSync(mark)).toBe(false);
    expect(readdirSync(project).includes('data')).toBe(false);
    home.remove();
  });
});

function plainConfig(origin: string): Record<string, unknown> {
  return {
    server: { host: '127.0.0.1', port: 0, core_port: 0, data_port: 0, timeouts: { drain: '1s' } },
    providers: { anthropic: { base_url: origin } },
    journal: { ballast: 0 },
  };
}

function writeConfig(home: TempHome, config: Record<string, unknown>): void {
  writeFileSync(home.configFile, JSON.stringify(config));
}

function runCli(home: TempHome, args: string[], env: Readonly<Record<string, string>>, cwd = home.path) {
  return startNode(ownCli, args, { env: { ...home.env, DATA_DIR: home.dataDir, ...env }, cwd, input: '' });
}

/** Files by which tools like to be configured, each of them pointing to the wrong place. */
function layOutTraps(project: string, origin: string, mark: string): void {
  const yaml = JSON.stringify(plainConfig(origin));
  const run = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, 'run')`;
  const traps: Record<string, string> = {
    'config.yaml': yaml,
    'config.yml': yaml,
    'throughline.yaml': yaml,
    'throughline.json': yaml,
    '.throughline/config.yaml': yaml,
    'throughline/config.yaml': yaml,
    '.env': `ANTHROPIC_FORWARD_URL=${origin}\nANTHROPIC_BASE_URL=${origin}\nNODE_OPTIONS=--require ./trap.cjs\n`,
    '.env.local': `ANTHROPIC_FORWARD_URL=${origin}\n`,
    '.claude/settings.json': JSON.stringify({ env: { ANTHROPIC_BASE_URL: origin } }),
    '.npmrc': `node-options=--require ./trap.cjs\n`,
    'package.json': JSON.stringify({ type: 'commonjs', imports: { '#config': './trap.cjs' } }),
    'node_modules/pino/index.js': run,
    'node_modules/yaml/index.js': run,
    'trap.cjs': run,
  };
  for (const [name, content] of Object.entries(traps)) {
    mkdirSync(join(project, name, '..'), { recursive: true });
    writeFileSync(join(project, name), content);
  }
}

function frontOf(dataDir: string): string | undefined {
  const state = JSON.parse(readFileSync(join(dataDir, 'run/state.json'), 'utf8')) as {
    services: { state: string }[];
    addresses: { purpose: string; host: string; port: number }[];
  };
  if (!state.services.every((service) => service.state === 'ready')) return undefined;
  const front = state.addresses.find(({ purpose }) => purpose === 'front');
  return front && `http://${front.host}:${front.port}`;
}

/** Addresses that listen on a port: `loopback`, or as the kernel writes them. */
function listeningHosts(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const hosts = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A')
      .map((fields) => fields[1]!.slice(0, -5)),
  );
  const loopback = ['0100007F', '00000000000000000000000001000000'];
  return [...new Set(hosts.map((host) => (loopback.includes(host) ? 'loopback' : host)))];
}

interface Look {
  readonly read: string[];
  readonly refused: string[];
}

/** Runs a program text as a user without any rights and gives the JSON that it prints. */
async function asNobody<T = Look>(program: string, args: readonly string[], token = ''): Promise<T> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...args], {
    uid: 65_534,
    gid: 65_534,
    cwd: '/',
    env: { TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const piece of child.stdout) text += String(piece);
  return JSON.parse(text) as T;
}

/** Tries to read every file and to call every socket below the given paths. */
const lookAround = `
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
const found = { read: [], refused: [] };
async function look(path) {
  try {
    const status = statSync(path);
    if (status.isDirectory()) for (const name of readdirSync(path)) await look(path + '/' + name);
    else if (status.isSocket()) await once(connect(path), 'connect').then(() => found.read.push(path));
    else { readFileSync(path); found.read.push(path); }
  } catch (error) { found.refused.push(path + ' ' + error.code); }
}
for (const path of process.argv.slice(1)) await look(path);
console.log(JSON.stringify(found));
process.exit(0);`;

const askAround = `
const answers = {};
const many = process.argv.length > 2;
const token = process.env.TOKEN;
for (const [index, url] of process.argv.slice(1).entries()) {
  for (const what of ['GET /', 'GET /health', 'GET /metrics', 'GET /api/v2/requests', 'GET /api/v2/events',
    'DELETE /api/requests', 'POST /v1/messages', 'GET /p/tag/v1/models']) {
    const [method, path] = what.split(' ');
    if (token !== '' && (method === 'DELETE' || path.endsWith('events'))) continue;
    const headers = token === '' ? {} : { 'x-throughline-token': token };
    const body = method === 'POST' ? '{}' : undefined;
    const answer = await fetch(url + path, { method, headers, body });
    answers[(many ? index + ' ' : '') + what] = answer.status;
    await answer.body?.cancel();
  }
}
console.log(JSON.stringify(answers));
process.exit(0);`;
