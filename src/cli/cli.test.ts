import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  endProcess,
  type FakeProvider,
  makeTempHome,
  type OwnProcess,
  ownCli,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  type Throughline,
  waitFor,
} from '#test-support';

function start(home: TempHome, args: readonly string[], env: Record<string, string> = {}): OwnProcess {
  return startNode(ownCli, args, {
    env: { ...home.env, DATA_DIR: home.dataDir, ...env },
    cwd: home.path,
    input: '',
  });
}

async function run(home: TempHome, ...args: string[]) {
  const process = start(home, args);
  const { code } = await process.exited;
  // Output may arrive after the exit.
  await Promise.all(
    [process.child.stdout, process.child.stderr].map(
      (stream) => stream && !stream.readableEnded && once(stream, 'end'),
    ),
  );
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

/** Sends one message and resolves with the bytes of the answer. */
function send(url: string, body: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'k' },
    });
    call.on('error', reject);
    call.on('response', async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      resolve(Buffer.concat(pieces));
    });
    call.end(body);
  });
}

const message = JSON.stringify({
  model: 'claude-test-1',
  max_tokens: 9,
  messages: [{ role: 'user', content: 'häßlich' }],
});

describe('without running services', () => {
  let home: TempHome;
  beforeAll(() => {
    home = makeTempHome('cli');
  });
  afterAll(() => home.remove());

  it.each([
    ['--version', 0, /^\d+\.\d+\.\d+\n$/],
    ['-V', 0, /^\d+\.\d+\.\d+\n$/],
    ['--help', 0, /export ANTHROPIC_BASE_URL=/],
    ['help', 0, /Usage: throughline/],
    ['help tail', 0, /--lines <count>/],
    ['config show --origin', 0, /server\.port: 3000 {2}# default/],
    ['config validate', 0, /is valid/],
    ['routes', 0, /^everything else → anthropic\n$/],
    [
      'routes explain --agent a --model m',
      0,
      /^anthropic:m\nbecause: default provider, no rule claims it \(subagent a\)\n$/,
    ],
  ])('"%s" ends with %d', async (line, code, text) => {
    const result = await run(home, ...line.split(' '));
    expect(result).toMatchObject({ code, stderr: '' });
    expect(result.stdout).toMatch(text);
  });

  it.each([
    ['stauts', 2, /Did you mean status/],
    ['up --prot 1', 2, /unknown option '--prot'/],
    ['show', 2, /missing required argument/],
    ['show x --body both', 2, /Allowed choices are request, response, provider-request, provider-response/],
    ['tail -n -3', 2, /whole number/],
    ['status extra', 2, /too many arguments/],
    ['stop', 3, /Throughline is not running\n {2}Start it: throughline up/],
    ['tail', 3, /proxy-data is not running/],
    ['show abc', 3, /proxy-data is not running/],
    ['db info', 4, /there is no database at/],
    ['db verify', 4, /there is no database at/],
    ['db reset', 2, /Add --yes/],
    ['--config missing.yaml config show', 5, /missing\.yaml/],
  ])('"%s" ends with %d and says why on standard error', async (line, code, text) => {
    const result = await run(home, ...line.split(' '));
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(text);
  });

  it('"routes" says where requests go, and who takes over', async () => {
    const file = join(home.homeDir, 'rules.yaml');
    writeFileSync(
      file,
      'routes: [{ to: "anthropic:a", fallback: ["anthropic:b", anthropic], because: c }]\n',
    );
    const { stdout } = await run(home, 'routes', '--config', file);
    expect(stdout).toContain('rule 1: every request → anthropic:a, else anthropic:b, anthropic  # c\n');
  });

  it('"status" says that nothing runs', async () => {
    expect(await run(home, 'status')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('Nothing runs'),
    });
    const { stdout } = await run(home, 'status', '--json');
    expect(JSON.parse(stdout)).toEqual({
      v: 1,
      dataDir: home.dataDir,
      running: false,
      supervisors: [],
      orphans: [],
      journal: null,
    });
  });

  it('an invalid configuration keeps "up" from starting and every problem is listed', async () => {
    writeFileSync(home.configFile, 'server:\n  prot: 1\n  port: many\n');
    const result = await run(home, 'up', '--config', home.configFile);
    expect(result).toMatchObject({ code: 5, stdout: '' });
    expect(result.stderr).toContain(`${home.configFile}:2:3`);
    expect(result.stderr).toContain('the configuration has 2 problems');
  });
});

describe('with running services', () => {
  let provider: FakeProvider;
  let throughline: Throughline;
  const ask = (...args: string[]) => run(throughline.home, '--config', throughline.home.configFile, ...args);
  beforeAll(async () => {
    provider = await startFakeProvider();
    throughline = await startThroughline({ providerOrigin: provider.origin });
  });
  afterAll(async () => {
    await throughline?.stop();
    await provider?.close();
  });

  it('"up" says in at most twelve lines how to use it', async () => {
    await waitFor(() => throughline.supervisor.stdout().includes('Stop it'));
    const banner = throughline.supervisor.stdout();
    expect(banner.trimEnd().split('\n').length).toBeLessThanOrEqual(12);
    expect(banner).toContain(`export ANTHROPIC_BASE_URL=${throughline.frontUrl}`);
    expect(banner).toContain(`forwarding to ${provider.origin}`);
    expect(banner).toContain(`database ${join(throughline.dataDir, 'throughline.db')}`);
  });

  it('"status" tells what runs', async () => {
    const { code, stdout } = await ask('status', '--json');
    expect(code).toBe(0);
    const [state] = JSON.parse(stdout).supervisors;
    expect(
      state.services.map((one: { service: string; state: string }) => `${one.service} ${one.state}`),
    ).toEqual(['core ready', 'recorder ready', 'data ready']);
    expect((await ask('status')).stdout).toContain(throughline.dataUrl);
  });

  it('"tail" follows requests as they come and "show" gives the exact bytes back', async () => {
    const tail = start(throughline.home, ['tail', '--json', '--config', throughline.home.configFile]);
    const rows = () =>
      tail
        .stdout()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    const answers = [await send(throughline.frontUrl, message)];
    await waitFor(() => rows().length === 1);
    answers.push(await send(throughline.frontUrl, message));
    await waitFor(() => rows().length === 2);
    await endProcess(tail);
    expect(rows().map((row) => [row.v, row.model, row.statusCode])).toEqual(
      Array(2).fill([1, 'claude-test-1', 200]),
    );
    const { requestId } = rows()[1];
    expect((await ask('show', requestId, '--body', 'request')).stdout).toBe(message);
    expect((await ask('show', requestId, '--body', 'response')).stdout).toBe(answers[1]?.toString());
    expect(JSON.parse((await ask('show', requestId.slice(-12), '--json')).stdout)).toMatchObject({
      v: 1,
      requestId,
    });
    expect((await ask('show', requestId)).stdout).toMatch(/unaltered +request yes, response yes/);
  });

  it('"tail" goes on after proxy-data was killed', async () => {
    const tail = start(throughline.home, ['tail', '-n', '0', '--config', throughline.home.configFile]);
    const lines = () => tail.stdout().split('\n').filter(Boolean);
    await waitFor(
      async () => {
        await send(throughline.frontUrl, message);
        return lines().length > 0;
      },
      { intervalMs: 300 },
    );
    const before = lines().length;
    throughline.kill('data');
    await send(throughline.frontUrl, message);
    await waitFor(() => lines().length > before, { timeoutMs: 30_000 });
    await endProcess(tail);
    expect(new Set(lines()).size).toBe(lines().length);
  });

  it('"show" of an unknown id ends with 4', async () => {
    expect(await ask('show', 'ffffffff')).toMatchObject({ code: 4, stdout: '' });
  });

  it('a reader that has seen enough ends "tail" without a complaint', async () => {
    const tail = start(throughline.home, ['tail', '--config', throughline.home.configFile]);
    await waitFor(() => tail.stdout().includes('\n'));
    tail.child.stdout?.destroy();
    await waitFor(
      async () => {
        await send(throughline.frontUrl, message);
        return tail.exit();
      },
      { intervalMs: 200 },
    );
    expect(tail.exit()).toEqual({ code: 0, signal: null });
    expect(tail.stderr()).toBe('');
  });

  it('"db" looks at the database and copies it while everything runs', async () => {
    expect(JSON.parse((await ask('db', 'info', '--json')).stdout)).toMatchObject({ v: 1, engine: 'sqlite' });
    expect(await ask('db', 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(': 0 damaged'),
    });
    const copy = join(throughline.home.path, 'copy.db');
    expect(await ask('db', 'backup', copy)).toMatchObject({ code: 0 });
    expect(readFileSync(copy).subarray(0, 15).toString()).toBe('SQLite format 3');
    expect(await ask('db', 'backup', copy)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('exists already'),
    });
  });

  it('"db reset" refuses while services run', async () => {
    const result = await ask('db', 'reset', '--yes');
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('throughline stop') });
    expect(existsSync(join(throughline.dataDir, 'throughline.db'))).toBe(true);
  });

  it('DUR-14: a second "up" refuses and says what runs', async () => {
    const result = await ask('up');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`pid ${throughline.supervisor.pid}`);
  });

  it('"stop" returns when everything is gone, and "db reset" then deletes what was recorded', async () => {
    expect(await ask('stop')).toMatchObject({ code: 0 });
    expect(throughline.supervisor.exit()).toEqual({ code: 0, signal: null });
    expect(await ask('db', 'reset', '--yes')).toMatchObject({ code: 0 });
    // SEC-18: neither what is derived nor the archive of transcripts outlives it.
    expect(readdirSync(throughline.dataDir).filter((name) => name.includes('.db'))).toEqual([]);
    expect(readdirSync(join(throughline.dataDir, 'journal'))).toEqual([]);
    expect(existsSync(join(throughline.dataDir, 'token'))).toBe(true);
  });
});
