import { exchangeIdToBytes, type OpenExchange } from '#exchange';
import { encodeArrivals } from './arrival-times.ts';
import { type BodyPlace, bodyPlace } from './body-key.ts';
import { ChunkWriter, sha256 } from './chunk-writer.ts';
import { exchangeToRow, type NewExchangeRow } from './exchange-row.ts';
import { pack } from './packing.ts';
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
import type { Tables } from './tables.ts';
import { ToolLists } from './tool-lists.ts';

/** Literals beyond this are stored as chunks, so that a body can be read without having all of it in memory. */
const literalBytesMax = 64 * 1024;
const splitBytes = 256 * 1024;
/** Literals of this size become chunks when they occur again: what every request of a session says besides. */
const repeatedLiteralBytes = { from: 64, to: 4_096 } as const;

/** Writes batches, each in one transaction. */
export class Committer {
  readonly #engine: SqlEngine<Tables>;
  readonly #chunks: ChunkWriter;
  readonly #tools = new ToolLists();
  #storedOpen: string | undefined;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(engine: SqlEngine<Tables>, options: { readonly rememberedChunks: number }) {
    this.#engine = engine;
    this.#chunks = new ChunkWriter(options);
  }

  /** See `Store.commit`. One batch at a time: what is remembered belongs to one transaction. */
  commit(batch: StoreBatch): Promise<CommitResult> {
    const result = this.#previous.then(() => this.#commitNext(batch));
    this.#previous = result.catch(() => undefined);
    return result;
  }

  async #commitNext(batch: StoreBatch): Promise<CommitResult> {
    const open = batch.open && JSON.stringify(batch.open);
    const result = await this.#engine.write(async (session) => {
      this.#tools.begin(await this.#chunks.begin(session));
      const stored = await this.#storeExchanges(session, batch.exchanges);
      for (const position of batch.positions) await advancePosition(session, position);
      if (batch.open && open !== this.#storedOpen) await replaceOpenExchanges(session, batch.open);
      return { stored, known: batch.exchanges.length - stored };
    });
    this.#chunks.committed();
    this.#tools.committed();
    if (open !== undefined) this.#storedOpen = open;
    this.#engine.tidy();
    return result;
  }

  async #storeExchanges(session: SqlSession, exchanges: readonly ExchangeToStore[]): Promise<number> {
    let stored = 0;
    let lastSequence = 0;
    for (const item of exchanges) {
      const tools = await this.#tools.idOf(session, item.exchange.toolsDeclared);
      const sequence = await insertExchange(session, exchangeToRow(item.exchange, tools));
      if (sequence === undefined) continue;
      await this.#storeBody(session, bodyPlace(sequence, 'request'), item.request);
      await this.#storeBody(session, bodyPlace(sequence, 'response'), item.response);
      const { providerRequest, providerResponse } = item;
      if (providerRequest)
        await this.#storeBody(session, bodyPlace(sequence, 'provider-request'), providerRequest);
      if (providerResponse)
        await this.#storeBody(session, bodyPlace(sequence, 'provider-response'), providerResponse);
      await insertArrivals(session, sequence, item);
      stored += 1;
      lastSequence = sequence;
    }
    if (stored > 0) {
      await session.run(`UPDATE counters SET value = value + ? WHERE name = 'exchanges'`, [stored]);
      await session.run(`UPDATE counters SET value = ? WHERE name = 'last-sequence'`, [lastSequence]);
    }
    return stored;
  }

  async #storeBody(session: SqlSession, { table, key }: BodyPlace, body: SlicedBody): Promise<void> {
    const parts: RecipePart[] = [];
    let predecessor: number | undefined;
    for (const piece of body.pieces.flatMap((piece) => this.#asStored(piece))) {
      if (piece.kind === 'chunk') {
        predecessor = await this.#chunks.idOf(session, piece, predecessor);
        parts.push({ kind: 'chunk', id: predecessor });
      } else {
        parts.push(piece);
      }
    }
    if (parts.length === 0) return;
    await session.run(`INSERT INTO ${table} (id, recipe) VALUES (?, ?)`, [key, pack(encodeRecipe(parts))]);
  }

  #asStored(piece: BodyPiece): BodyPiece | BodyPiece[] {
    const { bytes } = piece;
    if (bytes.length === 0) return [];
    if (piece.kind === 'chunk') return piece;
    if (bytes.length > literalBytesMax) return split(bytes);
    const mayRepeat = bytes.length >= repeatedLiteralBytes.from && bytes.length <= repeatedLiteralBytes.to;
    return mayRepeat && this.#chunks.isRepeated(bytes)
      ? { kind: 'chunk', sha256: sha256(bytes), bytes }
      : piece;
  }
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

function split(bytes: Uint8Array): BodyPiece[] {
  const pieces: BodyPiece[] = [];
  for (let start = 0; start < bytes.length; start += splitBytes) {
    const slice = bytes.subarray(start, start + splitBytes);
    pieces.push({ kind: 'chunk', sha256: sha256(slice), bytes: slice });
  }
  return pieces;
}
