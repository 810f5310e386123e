import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BodySide } from '#exchange';
import { type BodyToRead, readBody, readChunk, type StoredChunk, storedChunkColumns } from './body-reader.ts';
import { exchangeFromRow, type StoredExchangeRow, storedColumns } from './exchange-row.ts';
import type { SqlSession } from './sql-engine.ts';
import { type StoredExchange, StoreError, type VerifyProgress } from './store.ts';

type Totals = { exchanges: number; bodies: number; chunks: number; damaged: number };
type Damage = Extract<VerifyProgress, { kind: 'damage' }>;

/** Recomputes the hash of every chunk and every body, a little at a time, so that others get their turn. */
export async function* verifyStore(session: SqlSession): AsyncGenerator<VerifyProgress> {
  const totals: Totals = { exchanges: 0, bodies: 0, chunks: 0, damaged: 0 };
  for await (const damage of verifyChunks(session, totals)) yield counted(damage, totals);
  for await (const damage of verifyExchanges(session, totals)) yield counted(damage, totals);
  yield { kind: 'totals', ...totals };
}

function counted(damage: Damage, totals: Totals): Damage {
  totals.damaged += 1;
  return damage;
}

async function* verifyChunks(session: SqlSession, totals: Totals): AsyncGenerator<Damage> {
  for (let cursor = 0; ; ) {
    const [row] = await session.all<StoredChunk>(
      `SELECT ${storedChunkColumns} FROM chunks WHERE id > ? ORDER BY id LIMIT 1`,
      [cursor],
    );
    if (row === undefined) return;
    const sentence = await chunkDamage(session, row);
    if (sentence !== undefined) yield { kind: 'damage', sentence };
    cursor = row.id;
    totals.chunks += 1;
    if (totals.chunks % 64 === 0) await nextTurn();
  }
}

async function* verifyExchanges(session: SqlSession, totals: Totals): AsyncGenerator<Damage> {
  for (let cursor = 0; ; ) {
    const [row] = await session.all<StoredExchangeRow>(
      `SELECT ${storedColumns} FROM exchanges WHERE sequence > ? ORDER BY sequence LIMIT 1`,
      [cursor],
    );
    if (row === undefined) return;
    cursor = row.sequence;
    totals.exchanges += 1;
    yield* verifyExchange(session, row, totals);
    await nextTurn();
  }
}

async function* verifyExchange(
  session: SqlSession,
  row: StoredExchangeRow,
  totals: Totals,
): AsyncGenerator<Damage> {
  let exchange: StoredExchange;
  try {
    exchange = exchangeFromRow(row);
  } catch (error) {
    yield { kind: 'damage', sentence: `Exchange ${row.sequence} is damaged: ${String(error)}` };
    return;
  }
  if (exchange.bodiesPrunedAtMs !== undefined) return;
  for (const [side, sha256] of hashesOf(exchange)) {
    totals.bodies += 1;
    const sentence = await bodyDamage(session, { sequence: exchange.sequence, side, sha256 });
    if (sentence !== undefined) yield { kind: 'damage', exchangeId: exchange.id, side, sentence };
  }
}

/** Every body that the exchange has, with the hash it should have. */
function hashesOf(exchange: StoredExchange): (readonly [BodySide, string])[] {
  const { requestSha256, responseSha256, providerRequest, providerResponse } = exchange;
  const all: (readonly [BodySide, string])[] = [
    ['request', requestSha256],
    ['response', responseSha256],
  ];
  if (providerRequest !== undefined) all.push(['provider-request', providerRequest.sha256]);
  if (providerResponse !== undefined) all.push(['provider-response', providerResponse.sha256]);
  return all;
}

async function bodyDamage(session: SqlSession, body: BodyToRead): Promise<string | undefined> {
  try {
    for await (const _ of readBody(session, body));
    return undefined;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return error.message;
    if (error instanceof StoreError && error.code === 'missing') return undefined;
    throw error;
  }
}

async function chunkDamage(session: SqlSession, chunk: StoredChunk): Promise<string | undefined> {
  try {
    await readChunk(session, chunk);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return `Chunk ${chunk.id}: ${error.message}.`;
    throw error;
  }
}
