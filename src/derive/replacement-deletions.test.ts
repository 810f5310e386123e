import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseWords } from '#search';
import { type DerivedStore, type ExchangeToStore, openDerivedStore, openStore, type Store } from '#store';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import { openDerivation } from './derivation.ts';
import { deriveRequests } from './derive-requests.ts';
import { deriveText } from './derive-text.ts';
import { deriveWireAnswers } from './derive-wire-answers.ts';
import { type IndexerStores, runIndexer } from './indexer.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let writer: Store;
let reader: DerivedStore;
const config = () => ({ engine: 'sqlite', path: directory.join('throughline.db') }) as const;
const otherPrices = [{ model: 'mine', fromMs: 0, rates: { input: 1, output: 1 } }];

beforeEach(async () => {
  directory = makeTempDir('replacement-deletions');
  writer = await openStore(config(), { role: 'writer' });
  await writer.commit({
    exchanges: [said(1, 'gone', 'walrus'), said(2, 'kept', 'carpenter')],
    positions: [],
  });
  const stores = await openDerivation(config());
  for (const step of derivingSteps(stores)) while ((await step.run()) === 'more');
  await closeAll(stores);
  reader = await openDerivedStore(config(), { role: 'reader' });
});
afterEach(async () => {
  await reader.close();
  await writer.close();
  directory.remove();
});

const derivingSteps = ({ facts, derived }: IndexerStores) => [
  deriveRequests(facts, derived),
  deriveWireAnswers(facts, derived),
  deriveText(facts, derived),
];

async function closeAll({ facts, derived, transcripts, served }: IndexerStores): Promise<void> {
  for (const store of [facts, derived, transcripts, served]) await store?.close();
}

function said(number: number, sessionId: string, content: string): ExchangeToStore {
  const body = Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
  const item = exchange(number, {
    sessionId,
    requestBytes: body.length,
    requestSha256: createHash('sha256').update(body).digest('hex'),
  });
  return { ...item, request: { pieces: [{ kind: 'literal', bytes: body }] } };
}

async function isFound(text: string): Promise<boolean> {
  const result = await reader.text.search({
    ...{ words: parseWords(text), nowMs: Date.UTC(2026, 0, 1), zone: 'UTC', matchesMax: 100, timeMs: 60_000 },
    ...{ offset: 0, limit: 10, snippetsMax: 1 },
  });
  return result.kind === 'found' && result.sessions.length > 0;
}

/** An indexer whose replacement never becomes complete, while `work` is done. */
async function whileReplacing(work: () => Promise<void>): Promise<void> {
  const stopping = new AbortController();
  let rounds = 0;
  let promotions = 0;
  const running = runIndexer({
    open: () => openDerivation(config(), otherPrices),
    promote: async () => {
      promotions += 1;
    },
    steps: () => [
      {
        name: 'never done',
        run: async () => {
          rounds += 1;
          return 'more';
        },
      },
    ],
    signal: stopping.signal,
    onStatus: () => undefined,
    idleMs: 1,
    troubleMs: 1,
  });
  try {
    await waitFor(() => rounds > 1, { timeoutMs: 50_000, what: 'the replacement to be begun' });
    await work();
  } finally {
    stopping.abort();
    await running;
  }
  expect(promotions).toBe(0);
}

it('SEC-18: what is deleted while a replacement is derived is not found in what is served meanwhile', async () => {
  await whileReplacing(async () => {
    expect([await isFound('walrus'), await isFound('carpenter')]).toEqual([true, true]);
    await writer.delete({ sessionId: 'gone' });
    await waitFor(async () => !(await isFound('walrus')), { timeoutMs: 50_000, what: 'the text to be gone' });
    expect(await isFound('carpenter')).toBe(true);
  });
}, 120_000);

it('SEC-18: nor while everything is derived anew because somebody asked for it', async () => {
  await reader.askForRebuild();
  expect(await reader.isRebuildAskedFor()).toBe(true);
  await whileReplacing(async () => {
    await writer.delete({ sessionId: 'gone' });
    await waitFor(async () => !(await isFound('walrus')), { timeoutMs: 50_000, what: 'the text to be gone' });
    expect(await isFound('carpenter')).toBe(true);
  });
}, 120_000);

it('what was derived from another store is left as it is until it is replaced', async () => {
  await reader.beginDerivation('1 prices none facts another');
  const stores = await openDerivation(config());
  expect(stores.kind).toBe('replacement');
  expect(stores.served).toBeUndefined();
  await closeAll(stores);
});
