import { mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '#test-support';
import { readWholeJournal, someExchangeId, someOpened, someTallies, testConfig } from './journal-fixture.ts';
import { openJournal } from './open-journal.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('the journal of a healthy disk', () => {
  it('holds every word of an exchange in order once its end is written', async () => {
    const writer = await openJournal(testConfig(directory), { coreId: 'core-a' });
    const id = someExchangeId(1);
    const log = writer.open(id, someOpened());
    log.bytes('request', Buffer.from('{"question":1}'));
    log.routeChosen({
      provider: 'p',
      format: 'anthropic',
      reason: 'the only one',
      upstreamTarget: '/v1/messages',
    });
    log.attemptStarted({ attempt: 1, provider: 'p', origin: 'http://127.0.0.1:9' });
    log.attemptEnded({ attempt: 1, result: 'answered', status: 200 });
    log.responseOpened({
      source: 'provider',
      status: 200,
      statusText: 'OK',
      httpVersion: '1.1',
      headers: [],
    });
    log.bytes('response', Buffer.from('data: one\n\n'));
    log.bytes('response', Buffer.alloc(3 * 1024 * 1024, 7));
    await log.closed({ end: 'finished', ...someTallies() });

    const { entries, reader } = await readWholeJournal(directory, 'core-a');
    expect(entries.map((entry) => entry.kind)).toEqual([
      'segment-opened',
      'exchange-opened',
      'request-bytes',
      'route-chosen',
      'attempt-started',
      'attempt-ended',
      'response-opened',
      'response-bytes',
      'response-bytes',
      'response-bytes',
      'response-bytes',
      'exchange-closed',
    ]);
    expect(reader.damagedBytes + reader.tornBytes + reader.unknownFrames).toBe(0);
    const sequences = entries.flatMap((entry) => ('sequence' in entry ? [entry.sequence] : []));
    expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(writer.state()).toMatchObject({
      healthy: true,
      pendingBytes: 0,
      openExchanges: 0,
      writeErrors: 0,
    });
    await writer.close();
  });
});

it('the journal of a core without traffic shows every few seconds that it lives', async () => {
  let skippedUs = 0;
  const clock = { startedAtMs: 0, nowUs: () => performance.now() * 1000 + skippedUs };
  const writer = await openJournal(testConfig(directory), { coreId: 'core-a', clock, upkeepIntervalMs: 5 });
  const path = join(directory, 'core-a', '00000001.seg');
  await utimes(path, 1_000, 1_000);
  skippedUs = 15_000_000;
  await waitFor(async () => Date.now() - (await stat(path)).mtimeMs < 60_000);
  await writer.close();
});
