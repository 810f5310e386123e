import { rmSync, utimesSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExchangeId } from '#exchange';
import type { ExchangeFilter } from '#store';
import { openDeletions } from '#store';
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
  writeExchange,
} from './recorder-fixture.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

const body = { request: askBody(), response: answerEvents('Gone.') };

/** As proxy-data does it. */
async function deleteStored(filter: ExchangeFilter): Promise<number> {
  const store = await home.store();
  const note = openDeletions(home.config.dataDir).begin();
  const { exchanges } = await store.delete(filter, (ids) => note.add(ids));
  await store.close();
  return exchanges;
}

describe('a deleted exchange', () => {
  it('does not come back when the journal is read again from an older exchange that was still open', async () => {
    const journal = await home.journal();
    const slow = journal.open(anExchangeId(), opened());
    slow.bytes('request', body.request);
    slow.routeChosen(anthropicRoute);
    for (let n = 0; n < 3; n += 1) await writeExchange(journal, body);
    const recorder = home.start();
    await storedExchanges(home, 3);
    expect(await deleteStored({})).toBe(3);
    await recorder.stop();

    home.start();
    await slow.closed({ ...closing(body.request, Buffer.alloc(0)), end: 'client-gone' });
    const after = await writeExchange(journal, body);
    await waitFor(async () => (await ids()).includes(after.id), { what: 'the exchange after the restart' });
    expect(await ids()).toHaveLength(2);
  });

  it('does not come back when the store is lost and built anew from the journal', async () => {
    const journal = await home.journal();
    const kept = await writeExchange(journal, body);
    const recorder = home.start();
    await storedExchanges(home, 1);
    await writeExchange(journal, body);
    await storedExchanges(home, 2);
    const [first, second] = await ids();
    const deleted = first === kept.id ? second! : first!;
    expect(await deleteStored({ id: deleted })).toBe(1);
    await recorder.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${home.config.store.path}${suffix}`, { force: true });

    home.start();
    const after = await writeExchange(journal, body);
    await waitFor(async () => (await ids()).includes(after.id), { what: 'the exchange after the loss' });
    expect((await ids()).sort()).toEqual([kept.id, after.id].sort());
    const store = await home.store();
    expect((await bodyOf(store, kept.id, 'request')).equals(kept.request)).toBe(true);
    await store.close();
  });

  it('is forgotten when the journal has nothing older than its deletion', async () => {
    const deletions = openDeletions(home.config.dataDir);
    const note = deletions.begin();
    await note.add([anExchangeId()]);
    await deletions.begin().add([anExchangeId(), anExchangeId()]);
    expect((await deletions.read()).size).toBe(3);
    const directory = home.dir.join('deleted');
    const [oldest] = (await readdir(directory)).sort();
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(home.dir.join('deleted', oldest!), longAgo, longAgo);
    await writeExchange(await home.journal(), body);
    home.start();
    await waitFor(async () => (await readdir(directory)).length === 1, { what: 'one deletion forgotten' });
  });
});

async function ids(): Promise<ExchangeId[]> {
  const store = await home.store();
  const { exchanges } = await store.list({}, { offset: 0, limit: 0 });
  await store.close();
  return exchanges.map(({ id }) => id);
}
