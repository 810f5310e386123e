import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRunning, type OwnProcess, seededRandom, startNode, waitFor } from '#test-support';
import {
  answerEvents,
  askBody,
  bodyOf,
  makeRecorderHome,
  type RecorderHome,
  type WrittenExchange,
  writeExchange,
} from './recorder-fixture.ts';

let home: RecorderHome;
const processes: OwnProcess[] = [];
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(async () => {
  for (const child of processes.splice(0)) {
    child.child.kill('SIGKILL');
    await child.exited;
  }
  await home.remove();
});

const order = () => ({
  service: 'recorder',
  generation: 1,
  version: '0.0.0-test',
  listeners: [],
  config: home.config,
});

function start(): OwnProcess {
  const child = startNode('src/recorder/main.ts', [], { env: {}, input: 'ipc' });
  child.child.send({ type: 'start', order: order() });
  processes.push(child);
  return child;
}

function messages(child: OwnProcess): { readonly type: string }[] {
  const seen: { type: string }[] = [];
  child.child.on('message', (message) => seen.push(message as { type: string }));
  return seen;
}

describe('the recorder program', () => {
  it('says that it is ready, stores, and leaves with code 0 after a drain', async () => {
    const journal = await home.journal();
    await writeExchange(journal, { request: askBody(), response: answerEvents('x') });
    const child = start();
    const seen = messages(child);
    await waitFor(() => seen.some(({ type }) => type === 'ready'), { timeoutMs: 30_000 });
    child.child.send({ type: 'drain' });
    expect(await child.exited).toEqual({ code: 0, signal: null });
    const store = await home.store();
    expect(await store.count({})).toBe(1);
    await store.close();
  });

  it('leaves when its supervisor is gone', async () => {
    const child = start();
    const seen = messages(child);
    await waitFor(() => seen.some(({ type }) => type === 'ready'), { timeoutMs: 30_000 });
    child.child.disconnect();
    await child.exited;
    expect(isRunning(child.pid)).toBe(false);
  });

  it('fails with a sentence when another recorder has the journals', async () => {
    const first = start();
    const seen = messages(first);
    await waitFor(() => seen.some(({ type }) => type === 'ready'), { timeoutMs: 30_000 });
    const second = startNode('src/recorder/main.ts', [], { env: {}, input: JSON.stringify(order()) });
    processes.push(second);
    expect((await second.exited).code).toBe(1);
    expect(second.stdout()).toContain(`another recorder (process ${first.pid})`);
  });

  it('takes over from another one as its replacement: ready at once, at work when the other has left', async () => {
    const first = start();
    const seen = messages(first);
    await waitFor(() => seen.some(({ type }) => type === 'ready'), { timeoutMs: 30_000 });
    const second = startNode('src/recorder/main.ts', [], {
      env: {},
      input: JSON.stringify({ ...order(), isReplacement: true }),
    });
    processes.push(second);
    await waitFor(() => second.stdout().includes('"ready"'), { timeoutMs: 30_000 });
    expect(first.exit()).toBeUndefined();
    first.child.send({ type: 'drain', reason: 'replaced' });
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const lock = join(home.config.journalDirectory, 'recorder.lock');
    const holder = () => JSON.parse(readFileSync(lock, 'utf8')).pid;
    await waitFor(() => existsSync(lock) && holder() === second.pid);
  });

  it('CR-10: killed many times while core writes, it leaves no gap and no duplicate', async () => {
    const journal = await home.journal({ segmentBytesMax: 200_000 });
    const random = seededRandom(10);
    const written: WrittenExchange[] = [];
    let isWriting = true;
    const writing = (async () => {
      for (let n = 0; isWriting; n += 1) {
        const request = askBody({ n, pad: 'p'.repeat(random.integer(0, 5_000)) });
        const pieces = Array.from({ length: 5 }, () => random.integer(1, 100));
        written.push(
          await writeExchange(journal, { request, response: answerEvents(`answer ${n}`), pieces }),
        );

        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    })();
    for (let kill = 0; kill < 12; kill += 1) {
      const child = start();
      const seen = messages(child);
      await waitFor(() => seen.some(({ type }) => type === 'ready'), { timeoutMs: 30_000 });
      const target = written.length + random.integer(1, 30);
      await waitFor(() => written.length >= target, { intervalMs: 1 });
      child.child.kill('SIGKILL');
      await child.exited;
    }
    isWriting = false;
    await writing;
    start();
    const store = await home.store();
    await waitFor(async () => (await store.count({})) >= written.length, { timeoutMs: 40_000 });
    expect(await store.count({})).toBe(written.length);
    for (const { id, request, response } of written) {
      expect((await bodyOf(store, id, 'request')).equals(request)).toBe(true);
      expect((await bodyOf(store, id, 'response')).equals(response)).toBe(true);
    }
    await store.close();
    expect(existsSync(home.config.store.path)).toBe(true);
  }, 180_000);
});
