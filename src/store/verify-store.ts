import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Side } from '#exchange';
import { readBody, readChunk, type StoredChunk, storedChunkColumns } from './body-reader.ts';
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
  for (const side of ['request', 'response'] as const) {
    totals.bodies += 1;
    const sentence = await bodyDamage(session, exchange, side);
    if (sentence !== undefined) yield { kind: 'damage', exchangeId: exchange.id, side, sentence };
  }
}

async function bodyDamage(
  session: SqlSession,
  exchange: StoredExchange,
  side: Side,
): Promise<string | undefined> {
  const sha256 = side === 'request' ? exchange.requestSha256 : exchange.responseSha256;
  try {
    for await (const _ of readBody(session, { sequence: exchange.sequence, side, sha256 }));
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
