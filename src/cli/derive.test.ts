import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeTempHome,
  ownCli,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  type Throughline,
  waitFor,
} from '#test-support';

async function derive(home: TempHome, ...args: string[]) {
  const process = startNode(ownCli, ['derive', ...args, '--config', home.configFile], {
    env: { ...home.env, DATA_DIR: home.dataDir },
    cwd: home.path,
    input: '',
  });
  const { code } = await process.exited;
  await Promise.all(
    [process.child.stdout, process.child.stderr].map(
      (stream) => stream && !stream.readableEnded && once(stream, 'end'),
    ),
  );
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

async function status(home: TempHome): Promise<Record<string, unknown>> {
  const { stdout } = await derive(home, 'status', '--json');
  return stdout === '' ? {} : JSON.parse(stdout);
}

const send = (url: string) =>
  fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'k' },
    body: JSON.stringify({ model: 'claude-test-1', max_tokens: 9, messages: [] }),
  }).then((response) => response.text());

describe('throughline derive', () => {
  let home: TempHome;
  let running: Throughline;
  let provider: Awaited<ReturnType<typeof startFakeProvider>>;
  beforeAll(async () => {
    home = makeTempHome('derive');
    provider = await startFakeProvider();
    running = await startThroughline({ home, providerOrigin: provider.origin });
  });
  afterAll(async () => {
    await running.stop();
    await provider.close();
    home.remove();
  });

  const databaseFile = () => `${home.dataDir}/throughline.derived.db`;

  it('says how far statistics and search are, of what there is', async () => {
    for (let i = 0; i < 3; i += 1) await send(running.frontUrl);
    const isDone = async () => {
      const now = await status(home);
      return now.of === 3 && now.through === 3 ? now : undefined;
    };
    const done = await waitFor(isDone, { intervalMs: 200, what: 'three requests to be derived' });
    expect(done).toMatchObject({
      v: 1,
      path: databaseFile(),
      percent: 100,
      writer: running.pids().data,
      rebuild: null,
      work: { through: 3, of: 3, percent: 100 },
    });
    const { code, stdout } = await derive(home);
    expect(code).toBe(0);
    expect(stdout).toContain(`location    ${databaseFile()}\n`);
    expect(stdout).toContain('position    3 of 3 requests, 100 %\n');
    expect(stdout).toMatch(/state {7}current, pid \d+\n/);
  });

  it('has everything derived anew while it runs, and the old result serves until then', async () => {
    expect(await derive(home, 'rebuild', '--json')).toEqual({
      code: 0,
      stdout: `{"v":1,"asked":true,"writer":${running.pids().data}}\n`,
      stderr: '',
    });
    const after = await waitFor(
      async () => {
        const now = await status(home);
        return now.rebuild === null && now.version !== undefined && now.through === 3 ? now : undefined;
      },
      { intervalMs: 200, what: 'the new one to be in its place' },
    );
    expect(after).toMatchObject({ percent: 100 });
    expect(existsSync(`${databaseFile()}.next`)).toBe(false);
  });

  it('remembers that it was asked while nothing runs, and says what is wrong', async () => {
    await running.stop();
    const asked = await derive(home, 'rebuild');
    expect(asked.stdout).toContain('It begins when proxy-data runs');
    expect(await status(home)).toMatchObject({ rebuild: { is: 'asked-for' }, writer: null, work: null });
    expect((await derive(home)).stdout).toContain('nobody derives');
    writeFileSync(databaseFile(), 'this is no database, however long it may be. '.repeat(200));
    for (const args of [['status'], ['rebuild']]) {
      const { code, stderr } = await derive(home, ...args);
      expect(code).toBe(1);
      expect(stderr).toContain('what is derived cannot be read');
      expect(stderr).toContain('throughline restart data');
    }
    running = await startThroughline({ home, providerOrigin: provider.origin });
    await waitFor(async () => (await status(home)).through === 3, { intervalMs: 200 });
  });
});

it('throughline derive says that there is nothing yet, and what to do', async () => {
  const home = makeTempHome('derive');
  writeFileSync(home.configFile, '{}');
  const { code, stderr } = await derive(home, 'rebuild');
  expect(code).toBe(4);
  expect(stderr).toContain('throughline up');
  home.remove();
});
