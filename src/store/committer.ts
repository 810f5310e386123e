import { createHash } from 'node:crypto';
import { exchangeIdToBytes, type OpenExchange, type Side } from '#exchange';
import { encodeArrivals } from './arrival-times.ts';
import { bodyKey } from './body-key.ts';
import { exchangeToRow, type NewExchangeRow } from './exchange-row.ts';
import { pack } from './packing.ts';
import { RecentMap } from './recent-map.ts';
import { encodeRecipe, type RecipePart } from './recipe.ts';
import type { SqlEngine, SqlSession } from './sql-engine.ts';
import type {
  BodyPiece,
  CommitResult,
  ExchangeToStore,
  JournalPosition,
  SlicedBody,
  StoreBatch,
} from './store.ts';

/** Literals beyond this are stored as chunks, so that a body can be read without having all of it in memory. */
const literalBytesMax = 64 * 1024;
const splitBytes = 256 * 1024;

/**
 * Writes batches. Remembers which chunks are stored under which number, because nearly every piece of a request was
 * in the request before; what a failed transaction stored is never remembered.
 */
export class Committer {
  readonly #engine: SqlEngine;
  readonly #chunkIds: RecentMap<string, number>;
  #chunkSweeps = -1;
  #storedOpen: string | undefined;

  constructor(engine: SqlEngine, options: { readonly rememberedChunks: number }) {
    this.#engine = engine;
    this.#chunkIds = new RecentMap(options.rememberedChunks);
  }

  async commit(batch: StoreBatch): Promise<CommitResult> {
    const open = batch.open && JSON.stringify(batch.open);
    const fresh = new Map<string, number>();
    const result = await this.#engine.write(async (session) => {
      await this.#forgetSweptChunks(session);
      const stored = await this.#storeExchanges(session, batch.exchanges, fresh);
      for (const position of batch.positions) await advancePosition(session, position);
      if (batch.open && open !== this.#storedOpen) await replaceOpenExchanges(session, batch.open);
      return { stored, known: batch.exchanges.length - stored };
    });
    for (const [key, id] of fresh) this.#chunkIds.set(key, id);
    if (open !== undefined) this.#storedOpen = open;
    this.#engine.tidy();
    return result;
  }

  /** Another process may have deleted chunks since; the counter says so under the same lock. */
  async #forgetSweptChunks(session: SqlSession): Promise<void> {
    const [row] = await session.all<{ value: number }>(
      `SELECT value FROM counters WHERE name = 'chunk-sweeps'`,
      [],
    );
    const sweeps = row?.value ?? 0;
    if (sweeps !== this.#chunkSweeps) this.#chunkIds.clear();
    this.#chunkSweeps = sweeps;
  }

  async #storeExchanges(
    session: SqlSession,
    exchanges: readonly ExchangeToStore[],
    fresh: Map<string, number>,
  ): Promise<number> {
    let stored = 0;
    let lastSequence = 0;
    for (const item of exchanges) {
      const sequence = await insertExchange(session, exchangeToRow(item.exchange));
      if (sequence === undefined) continue;
      await this.#storeBody(session, sequence, 'request', item.request, fresh);
      await this.#storeBody(session, sequence, 'response', item.response, fresh);
      await insertArrivals(session, sequence, item);
      stored += 1;
      lastSequence = sequence;
    }
    if (stored > 0)
      await session.run(`UPDATE counters SET value = ? WHERE name = 'last-sequence'`, [lastSequence]);
    return stored;
  }

  async #storeBody(
    session: SqlSession,
    sequence: number,
    side: Side,
    body: SlicedBody,
    fresh: Map<string, number>,
  ): Promise<void> {
    const parts: RecipePart[] = [];
    for (const piece of body.pieces) {
      if (piece.bytes.length === 0) continue;
      if (piece.kind === 'chunk') {
        parts.push({ kind: 'chunk', id: await this.#chunkId(session, piece.sha256, piece.bytes, fresh) });
      } else if (piece.bytes.length <= literalBytesMax) {
        parts.push({ kind: 'literal', bytes: piece.bytes });
      } else {
        for (const bytes of split(piece)) {
          parts.push({ kind: 'chunk', id: await this.#chunkId(session, sha256(bytes), bytes, fresh) });
        }
      }
    }
    if (parts.length === 0) return;
    await session.run('INSERT INTO bodies (id, recipe) VALUES (?, ?)', [
      bodyKey(sequence, side),
      pack(encodeRecipe(parts)),
    ]);
  }

  async #chunkId(
    session: SqlSession,
    hash: Uint8Array,
    bytes: Uint8Array,
    fresh: Map<string, number>,
  ): Promise<number> {
    const key = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
    const remembered = this.#chunkIds.get(key) ?? fresh.get(key);
    if (remembered !== undefined) return remembered;
    const id = (await findChunk(session, hash)) ?? (await insertChunk(session, hash, bytes));
    fresh.set(key, id);
    return id;
  }
}

async function findChunk(session: SqlSession, hash: Uint8Array): Promise<number | undefined> {
  const [row] = await session.all<{ id: number }>('SELECT id FROM chunks WHERE sha256 = ?', [hash]);
  return row?.id;
}

async function insertChunk(session: SqlSession, hash: Uint8Array, bytes: Uint8Array): Promise<number> {
  // A wrong hash would give other bodies these bytes. Only new chunks are checked: they are few.
  if (Buffer.compare(sha256(bytes), hash) !== 0)
    throw new RangeError('the hash of a chunk does not fit its bytes');
  const [row] = await session.all<{ id: number }>(
    'INSERT INTO chunks (sha256, byte_count, packed) VALUES (?, ?, ?) RETURNING id',
    [hash, bytes.length, pack(bytes)],
  );
  return row!.id;
}

/** The sequence of the new exchange; undefined when it was already stored. */
async function insertExchange(session: SqlSession, row: NewExchangeRow): Promise<number | undefined> {
  const columns = Object.keys(row);
  const [inserted] = await session.all<{ sequence: number }>(
    `INSERT INTO exchanges (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
     ON CONFLICT (id) DO NOTHING RETURNING sequence`,
    Object.values(row),
  );
  return inserted?.sequence;
}

async function insertArrivals(session: SqlSession, sequence: number, item: ExchangeToStore): Promise<void> {
  if (item.responseArrivals.length === 0) return;
  await session.run('INSERT INTO arrivals (sequence, times) VALUES (?, ?)', [
    sequence,
    pack(encodeArrivals(item.responseArrivals)),
  ]);
}

async function advancePosition(session: SqlSession, position: JournalPosition): Promise<void> {
  await session.run(
    `INSERT INTO journal_positions (core_id, segment_number, segment_offset) VALUES (?, ?, ?)
     ON CONFLICT (core_id) DO UPDATE
     SET segment_number = excluded.segment_number, segment_offset = excluded.segment_offset
     WHERE (excluded.segment_number, excluded.segment_offset)
       > (journal_positions.segment_number, journal_positions.segment_offset)`,
    [position.coreId, position.segmentNumber, position.offset],
  );
}

async function replaceOpenExchanges(session: SqlSession, open: readonly OpenExchange[]): Promise<void> {
  await session.run('DELETE FROM open_exchanges', []);
  for (const exchange of open) {
    await session.run(
      'INSERT INTO open_exchanges (id, facts) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET facts = excluded.facts',
      [exchangeIdToBytes(exchange.id), JSON.stringify(exchange)],
    );
  }
}

function* split(piece: BodyPiece): Generator<Uint8Array> {
  for (let start = 0; start < piece.bytes.length; start += splitBytes) {
    yield piece.bytes.subarray(start, start + splitBytes);
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
