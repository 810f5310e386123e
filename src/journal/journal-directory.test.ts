import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '#test-support';
import { listJournals, readPayloads } from './journal-directory.ts';
import { readWholeJournal, someExchangeId, someOpened, someTallies, testConfig } from './journal-fixture.ts';
import { openJournal } from './open-journal.ts';

let dir: TempDir;
beforeEach(() => {
  dir = makeTempDir('journal');
});
afterEach(() => dir.remove());

it('STR-21: a few bytes that are read back keep only a few bytes in memory, however far apart they stand', async () => {
  const writer = await openJournal(testConfig(dir.path));
  const slow = writer.open(someExchangeId(1), someOpened());
  for (let n = 0; n < 4; n += 1) {
    slow.bytes('response', Buffer.from(`ping ${n}`));
    const busy = writer.open(someExchangeId(10 + n), someOpened());
    for (let piece = 0; piece < 3; piece += 1) busy.bytes('request', Buffer.alloc(700_000, n));
    await busy.closed({ end: 'finished', ...someTallies() });
  }
  await writer.close();

  const [journal] = await listJournals(dir.path);
  const { frames } = await readWholeJournal(dir.path, writer.coreId);
  const pings = frames.filter(({ entry }) => entry.kind === 'response-bytes');
  const payloads = await readPayloads(journal!.segments[0]!, pings);
  expect(payloads.map(String)).toEqual(['ping 0', 'ping 1', 'ping 2', 'ping 3']);
  const kept = new Set(payloads.map((payload) => payload!.buffer));
  expect([...kept].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(100_000);
});
