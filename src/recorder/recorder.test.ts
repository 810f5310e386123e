import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecorderStatus } from '#exchange';
import { waitFor } from '#test-support';
import {
  anExchangeId,
  answerEvents,
  anthropicRoute,
  askBody,
  bodyOf,
  closing,
  makeRecorderHome,
  opened,
  type RecorderHome,
  storedExchanges,
  type WrittenExchange,
  writeExchange,
} from './recorder-fixture.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

function status(): RecorderStatus {
  return JSON.parse(readFileSync(home.dir.join('status', 'recorder.json'), 'utf8')) as RecorderStatus;
}

/** A file stands in the place of the journal until the recorder has said so. */
async function haveFileForJournal(): Promise<void> {
  const directory = home.config.journalDirectory;
  renameSync(directory, `${directory}-before`);
  writeFileSync(directory, '');
  await waitFor(() => status().state === 'failed');
  expect(status().trouble).toMatch(/^The journal cannot be followed: ENOTDIR/);
  rmSync(directory);
  renameSync(`${directory}-before`, directory);
}

async function expectExact(written: readonly WrittenExchange[]): Promise<void> {
  const store = await home.store();
  for (const { id, request, response } of written) {
    expect((await bodyOf(store, id, 'request')).equals(request)).toBe(true);
    expect((await bodyOf(store, id, 'response')).equals(response)).toBe(true);
  }
  await store.close();
}

describe('the recorder', () => {
  it('keeps what core wrote with the exact bytes', async () => {
    const journal = await home.journal();
    const written = await writeExchange(journal, {
      request: askBody(),
      response: answerEvents('Forty-two.'),
    });
    home.start();

    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({
      id: written.id,
      path: '/v1/messages',
      query: 'beta=true',
      askedModel: 'claude-asked',
      answeredModel: 'claude-answered',
      outcome: 'complete',
      stopReason: 'end_turn',
      messageId: 'msg_1',
      usage: { inputTokens: 10, cacheReadTokens: 20, outputTokens: 7 },
      requestUnaltered: true,
      responseUnaltered: true,
      requestBytesMissing: 0,
      responseBytesMissing: 0,
      isStreaming: true,
    });
    await expectExact([written]);
  });

  it('gives back generated bodies byte for byte, over many small segments', async () => {
    const journal = await home.journal({ segmentBytesMax: 40_000 });
    home.start();
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
      fc
        .array(fc.string({ minLength: 60, maxLength: 400 }), { maxLength: 30 })
        .map((messages) => Buffer.from(JSON.stringify({ model: 'm', messages }))),
    );
    const pieces = fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 20 });
    const written: WrittenExchange[] = [];
    for (const [request, response, cuts] of fc.sample(fc.tuple(body, body, pieces), 300)) {
      written.push(await writeExchange(journal, { request, response, pieces: cuts }));
    }
    const stored = await storedExchanges(home, written.length);
    expect(stored.filter((exchange) => exchange.requestUnaltered && exchange.responseUnaltered)).toHaveLength(
      300,
    );
    expect(readdirSync(join(home.config.journalDirectory, journal.coreId)).length).toBeGreaterThan(5);
    await expectExact(written);
  });

  it('keeps a body of several megabytes and one whose exchange stays open for long', async () => {
    const journal = await home.journal();
    home.start();
    const id = anExchangeId();
    const [early, late] = [Buffer.alloc(300_000, 'early '), Buffer.alloc(200_000, 'late ')];
    const slow = journal.open(id, opened());
    slow.bytes('request', early);
    // More than the recorder keeps in memory of what it read last.
    const large: WrittenExchange[] = [];
    for (let n = 0; n < 12; n += 1) {
      large.push(
        await writeExchange(journal, {
          request: Buffer.alloc(5_000_000, `${n} `),
          response: answerEvents('x'),
        }),
      );
    }
    await storedExchanges(home, 12);
    slow.routeChosen(anthropicRoute);
    slow.bytes('response', late);
    await slow.closed(closing(early, late));
    await storedExchanges(home, 13);
    await expectExact([...large, { id, request: early, response: late }]);
  });

  it('shows exchanges that are still open, and no longer when they ended', async () => {
    const journal = await home.journal();
    home.start();
    const id = anExchangeId();
    const log = journal.open(id, opened({ headers: ['x-claude-code-session-id', 's1'] }));
    log.bytes('request', askBody());
    const store = await home.store();
    const [open] = await waitFor(async () => {
      const all = await store.openExchanges();
      return all.length > 0 ? all : undefined;
    });
    expect(open).toMatchObject({ id, path: '/v1/messages', sessionId: 's1', requestBytes: askBody().length });
    await log.closed(closing(askBody(), Buffer.alloc(0)));
    await waitFor(async () => (await store.openExchanges()).length === 0);
    await store.close();
  });

  it('keeps what exists of an exchange whose core died', async () => {
    const journal = await home.journal({ startToken: 'of a process that is gone' });
    const response = answerEvents('Forty-two, as far as anyone can tell from here.').subarray(0, 500);
    await writeExchange(journal, { request: askBody(), response: answerEvents('whole') });
    const id = anExchangeId();
    const log = journal.open(id, opened());
    log.bytes('request', askBody());
    log.bytes('response', response);
    await journal.close();
    home.start();
    const [whole, cut] = await storedExchanges(home, 2);
    expect(whole).toMatchObject({ outcome: 'complete' });
    expect(cut).toMatchObject({
      id,
      outcome: 'interrupted',
      cause: 'proxy-core ended before the exchange did',
    });
    await expectExact([{ id, request: askBody(), response }]);
    await waitFor(() => status().exchangesInterrupted === 1);
  });

  it('counts what the journal left out', async () => {
    const journal = await home.journal({ bodyBytesMax: 1_000 });
    home.start();
    const { id } = await writeExchange(journal, {
      request: Buffer.alloc(5_000, 'a'),
      response: Buffer.alloc(3_000, 'b'),
    });
    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({
      id,
      requestBytes: 5_000,
      responseBytes: 3_000,
      requestBytesMissing: 4_000,
      responseBytesMissing: 2_000,
      requestUnaltered: false,
    });
  });

  it('reports how it is doing and that it stopped', async () => {
    const journal = await home.journal();
    await writeExchange(journal, { request: askBody(), response: answerEvents('x') });
    const recorder = home.start();
    await storedExchanges(home, 1);
    await waitFor(() => status().exchangesStored === 1);
    expect(status()).toMatchObject({
      version: 1,
      pid: process.pid,
      state: 'recording',
      lagBytes: 0,
      checksumMismatches: 0,
    });
    expect(statSync(home.dir.join('status', 'recorder.json')).mode & 0o777).toBe(0o600);
    await recorder.drain();
    expect(status().state).toBe('stopped');
  });

  it('says that it cannot follow the journal, and goes on when it can', async () => {
    const journal = await home.journal();
    const write = () => writeExchange(journal, { request: askBody(), response: answerEvents('x') });
    await write();
    home.start();
    await waitFor(() => status().state === 'recording');
    await haveFileForJournal();
    // Whoever writes it may have noticed too, and looks again a little later.
    await waitFor(() => journal.state().healthy);
    await write();
    await storedExchanges(home, 2);
    await waitFor(() => status().state === 'recording');
    expect(status().trouble).toBeUndefined();
  });

  it('says so also when there is nothing in the journal that it could miss', async () => {
    home.start();
    await waitFor(() => status().state === 'recording');
    await haveFileForJournal();
    await waitFor(() => status().state === 'recording');
  });

  it('stores what core left behind before it obeys a drain', async () => {
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    const recorder = home.start();
    await waitFor(() => recorder.lines.includes('ready'));
    const written: WrittenExchange[] = [];
    for (let n = 0; n < 50; n += 1) {
      written.push(await writeExchange(journal, { request: askBody({ n }), response: answerEvents(`${n}`) }));
    }
    await recorder.drain();
    expect(await storedExchanges(home, 50)).toHaveLength(50);
    await expectExact(written);
  });

  it('DUR-14: lets only one recorder at a journal and says who has it', async () => {
    const first = home.start();
    await waitFor(() => first.lines.includes('ready'));
    const second = home.start();
    await expect(second.ended).rejects.toThrow(`another recorder (process ${process.pid})`);
    await first.drain();
    const third = home.start();
    await waitFor(() => third.lines.includes('ready'));
  });

  it('counts damage in the journal and stores everything else', async () => {
    const journal = await home.journal({ startToken: 'of a process that is gone' });
    const written: WrittenExchange[] = [];
    for (let n = 0; n < 20; n += 1) {
      written.push(await writeExchange(journal, { request: askBody({ n }), response: answerEvents(`${n}`) }));
    }
    await journal.close();
    const segment = join(home.config.journalDirectory, journal.coreId, '00000001.seg');
    const { writeFileSync } = await import('node:fs');
    const bytes = readFileSync(segment);
    bytes.fill(0, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 700);
    writeFileSync(segment, bytes);
    home.start();
    const stored = await storedExchanges(home, 19);
    expect(
      stored.filter(({ requestUnaltered, responseUnaltered }) => requestUnaltered && responseUnaltered)
        .length,
    ).toBeGreaterThanOrEqual(18);
    await waitFor(() => status().damagedBytes > 0);
    expect(status().checksumMismatches).toBe(0);
  });
});

describe('stored segments', () => {
  it('are deleted when the replay window has passed, and so is the directory of a dead core', async () => {
    await home.remove();
    home = makeRecorderHome({ replayAgeMsMax: 0 });
    const living = await home.journal({ segmentBytesMax: 20_000 });
    const dead = await home.journal({ segmentBytesMax: 20_000, startToken: 'of a process that is gone' });
    for (let n = 0; n < 40; n += 1) {
      await writeExchange(n % 2 === 0 ? living : dead, {
        request: askBody({ n }),
        response: answerEvents(`${n}`),
      });
    }
    await dead.close();
    home.start();
    await storedExchanges(home, 40);
    const directories = () =>
      readdirSync(home.config.journalDirectory).filter((name) => !name.startsWith('recorder.lock'));
    await waitFor(() => directories().length === 1, { what: 'the directory of the dead core to go' });
    expect(directories()).toEqual([living.coreId]);
    const segments = () => readdirSync(join(home.config.journalDirectory, living.coreId));
    await waitFor(() => segments().length === 1, { what: 'only the newest segment to stay' });
    const store = await home.store();
    await waitFor(async () => !(await store.journalPositions()).has(dead.coreId));
    expect([...(await store.journalPositions()).keys()]).toEqual([living.coreId]);
    await store.close();
    await writeExchange(living, { request: askBody(), response: answerEvents('goes on') });
    await storedExchanges(home, 41);
  });

  it('stay as long as an open exchange began in them', async () => {
    await home.remove();
    home = makeRecorderHome({ replayAgeMsMax: 0 });
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    const id = anExchangeId();
    const slow = journal.open(id, opened());
    slow.bytes('request', askBody());
    for (let n = 0; n < 30; n += 1) {
      await writeExchange(journal, { request: askBody({ n }), response: answerEvents(`${n}`) });
    }
    const recorder = home.start();
    await storedExchanges(home, 30);
    await recorder.stop();
    expect(readdirSync(join(home.config.journalDirectory, journal.coreId))).toContain('00000001.seg');
    const again = home.start();
    await slow.closed(closing(askBody(), Buffer.alloc(0)));
    await storedExchanges(home, 31);
    await expectExact([{ id, request: askBody(), response: Buffer.alloc(0) }]);
    await again.drain();
  });

  it('stay within the replay bytes, oldest going first', async () => {
    await home.remove();
    home = makeRecorderHome({ replayBytesMax: 100_000 });
    const journal = await home.journal({ segmentBytesMax: 20_000 });
    home.start();
    for (let n = 0; n < 120; n += 1) {
      await writeExchange(journal, {
        request: askBody({ n, pad: 'p'.repeat(2_000) }),
        response: answerEvents(`${n}`),
      });
    }
    await storedExchanges(home, 120);
    const directory = join(home.config.journalDirectory, journal.coreId);
    const bytes = () =>
      readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    await waitFor(() => bytes() < 150_000, { what: 'the journal to shrink' });
    expect(bytes()).toBeGreaterThan(40_000);
  });
});
