import { createHash, type Hash } from 'node:crypto';
import type { BodySide } from '#exchange';
import { type BodyPlace, bodyPlace } from './body-key.ts';
import { unpack } from './packing.ts';
import { decodeRecipe, type RecipePart } from './recipe.ts';
import type { SqlSession } from './sql-engine.ts';
import { StoreError } from './store.ts';

const pieceBytesMax = 1024 * 1024;
/** A recipe with more bytes than this is damage. */
const recipeBytesMax = 512 * 1024 * 1024;
const chunksPerRead = 128;

export interface BodyToRead {
  readonly sequence: number;
  readonly side: BodySide;
  /** SHA-256 of the whole body, hex. */
  readonly sha256: string;
}

/**
 * The bytes of a body in pieces, each checked against its hash before it is handed on, and the whole at the end. Every
 * read is a transaction of its own: a slow consumer holds nothing open.
 * @throws StoreError `corrupt` on damage, `missing` when the exchange is deleted meanwhile
 */
export async function* readBody(session: SqlSession, body: BodyToRead): AsyncGenerator<Uint8Array> {
  try {
    const total = createHash('sha256');
    for await (const bytes of partsOf(session, body)) yield* slices(bytes, total);
    if (total.digest('hex') !== body.sha256) throw new RangeError('its hash is not the recorded one');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw await whatHappened(session, body, error);
  }
}

/** The recipe of a body; without any parts when the body is empty. */
export async function readRecipe(session: SqlSession, { table, key }: BodyPlace): Promise<RecipePart[]> {
  const [row] = await session.all<{ recipe: Uint8Array }>(`SELECT recipe FROM ${table} WHERE id = ?`, [key]);
  return row === undefined ? [] : decodePackedRecipe(row.recipe);
}

/** @throws RangeError when it is damaged */
export function decodePackedRecipe(packed: Uint8Array): RecipePart[] {
  return decodeRecipe(unpack(packed, recipeBytesMax));
}

async function* partsOf(session: SqlSession, body: BodyToRead): AsyncGenerator<Uint8Array> {
  const parts = await readRecipe(session, bodyPlace(body.sequence, body.side));
  for (let start = 0; start < parts.length; ) {
    const group = await nextGroup(session, parts, start);
    const chunks = await readChunks(session, group);
    for (const part of group) yield part.kind === 'literal' ? part.bytes : chunks.get(part.id)!;
    start += group.length;
  }
}

/** As many parts as fit into one read: few enough chunks, and together about one piece of bytes. */
async function nextGroup(
  session: SqlSession,
  parts: readonly RecipePart[],
  start: number,
): Promise<RecipePart[]> {
  const candidates = parts.slice(start, start + chunksPerRead);
  const sizes = await chunkSizes(session, idsOf(candidates));
  let bytes = 0;
  const fitting = candidates.findIndex((part, index) => {
    bytes += part.kind === 'literal' ? part.bytes.length : (sizes.get(part.id) ?? 0);
    return bytes > pieceBytesMax && index > 0;
  });
  return fitting === -1 ? candidates : candidates.slice(0, fitting);
}

async function chunkSizes(session: SqlSession, ids: readonly number[]): Promise<Map<number, number>> {
  const rows = await session.all<{ id: number; byte_count: number }>(
    `SELECT id, byte_count FROM chunks WHERE id IN (${places})`,
    padded(ids),
  );
  return new Map(rows.map((row) => [row.id, row.byte_count]));
}

async function readChunks(
  session: SqlSession,
  parts: readonly RecipePart[],
): Promise<Map<number, Uint8Array>> {
  const ids = idsOf(parts);
  const rows = await chunkRows(session, ids);
  const bases = new Map<number, Uint8Array>();
  for (const row of await chunkRows(session, basesOf(rows))) bases.set(row.id, unpackChunk(row));
  const chunks = new Map(rows.map((row) => [row.id, unpackChunk(row, bases.get(row.base ?? 0))]));
  for (const id of ids) if (!chunks.has(id)) throw new RangeError(`chunk ${id} is missing`);
  return chunks;
}

async function chunkRows(session: SqlSession, ids: readonly number[]): Promise<StoredChunk[]> {
  if (ids.length === 0) return [];
  return session.all(`SELECT ${storedChunkColumns} FROM chunks WHERE id IN (${places})`, padded(ids));
}

export const storedChunkColumns = 'id, sha256, byte_count, base, packed';

export interface StoredChunk {
  readonly id: number;
  readonly sha256: Uint8Array;
  readonly byte_count: number;
  readonly base: number | null;
  readonly packed: Uint8Array;
}

/** A chunk with everything that it needs. @throws RangeError when it is damaged */
export async function readChunk(session: SqlSession, chunk: StoredChunk): Promise<Uint8Array> {
  const [base] = await chunkRows(session, basesOf([chunk]));
  return unpackChunk(chunk, base && unpackChunk(base));
}

function unpackChunk(chunk: StoredChunk, base?: Uint8Array): Uint8Array {
  const bytes = unpack(chunk.packed, chunk.byte_count, base);
  const hash = createHash('sha256').update(bytes).digest();
  if (Buffer.compare(hash, chunk.sha256) !== 0) throw new RangeError(`chunk ${chunk.id} is damaged`);
  return bytes;
}

function basesOf(chunks: readonly StoredChunk[]): number[] {
  return [...new Set(chunks.flatMap(({ base }) => (base === null ? [] : [base])))];
}

function idsOf(parts: readonly RecipePart[]): number[] {
  return [...new Set(parts.flatMap((part) => (part.kind === 'chunk' ? [part.id] : [])))];
}

// One statement for every number of ids, so that it is prepared once.
const places = Array.from({ length: chunksPerRead }, () => '?').join(', ');

function padded(ids: readonly number[]): (number | null)[] {
  return Array.from({ length: chunksPerRead }, (_, index) => ids[index] ?? null);
}

function* slices(bytes: Uint8Array, total: Hash): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += pieceBytesMax) {
    const slice = bytes.subarray(start, start + pieceBytesMax);
    total.update(slice);
    yield slice;
  }
}

async function whatHappened(session: SqlSession, body: BodyToRead, error: RangeError): Promise<StoreError> {
  const [row] = await session.all<{ sequence: number }>(
    'SELECT sequence FROM exchanges WHERE sequence = ? AND bodies_pruned_at_ms IS NULL',
    [body.sequence],
  );
  if (row === undefined) {
    return new StoreError(
      'missing',
      `Exchange ${body.sequence}, or its bodies, were deleted while its ${body.side} was read.`,
    );
  }
  const sentence = `The ${body.side} body of exchange ${body.sequence} is damaged: ${error.message}.`;
  return new StoreError('corrupt', sentence, { cause: error });
}
