import { hash } from 'node:crypto';
import { pack, packWithBase } from './packing.ts';
import { RecentMap } from './recent-map.ts';
import type { SqlSession } from './sql-engine.ts';

/** A stored chunk that has no base itself, so that others may have it as theirs. */
interface Base {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** Larger pieces gain little from a base, and remembering them costs memory. */
const baseBytesMax = 64 * 1024;
const rememberedSuccessors = 256;
const rememberedLiterals = 4_096;

/**
 * Stores chunks once and says under which number. Remembers what is stored, because nearly every piece of a request was
 * in the request before. Works in transactions: call `begin` in each one and `committed` after it; what a failed
 * transaction stored is never remembered.
 */
export class ChunkWriter {
  readonly #ids: RecentMap<string, number>;
  readonly #successors = new RecentMap<number, Base>(rememberedSuccessors);
  readonly #literals = new RecentMap<string, true>(rememberedLiterals);
  #sweeps = -1;
  #freshIds = new Map<string, number>();
  #freshSuccessors = new Map<number, Base>();

  constructor(options: { readonly rememberedChunks: number }) {
    this.#ids = new RecentMap(options.rememberedChunks);
  }

  /**
   * Forgets what a failed transaction stored and what another process deleted: the counter tells under the lock.
   * @returns true when something was deleted
   */
  async begin(session: SqlSession): Promise<boolean> {
    this.#freshIds = new Map();
    this.#freshSuccessors = new Map();
    const [row] = await session.all<{ value: number }>(
      `SELECT value FROM counters WHERE name = 'chunk-sweeps'`,
      [],
    );
    const sweeps = row?.value ?? 0;
    if (sweeps === this.#sweeps) return false;
    this.#ids.clear();
    this.#successors.clear();
    this.#sweeps = sweeps;
    return true;
  }

  committed(): void {
    for (const [key, id] of this.#freshIds) this.#ids.set(key, id);
    for (const [predecessor, successor] of this.#freshSuccessors)
      this.#successors.set(predecessor, successor);
  }

  /** True from the second time on that it is asked about the same bytes: then they are worth a chunk. */
  isRepeated(bytes: Uint8Array): boolean {
    const key = keyOf(sha256(bytes));
    if (this.#literals.get(key)) return true;
    this.#literals.set(key, true);
    return false;
  }

  /**
   * The number of the chunk with these bytes, which is stored if it is new.
   * @param predecessor number of the chunk before it in the same body
   */
  async idOf(session: SqlSession, chunk: ChunkToStore, predecessor: number | undefined): Promise<number> {
    const key = keyOf(chunk.sha256);
    const remembered = this.#ids.get(key) ?? this.#freshIds.get(key);
    if (remembered !== undefined) return remembered;
    const id = (await findChunk(session, chunk.sha256)) ?? (await this.#insert(session, chunk, predecessor));
    this.#freshIds.set(key, id);
    return id;
  }

  async #insert(session: SqlSession, chunk: ChunkToStore, predecessor: number | undefined): Promise<number> {
    // A wrong hash would give other bodies these bytes. Only new chunks are checked: they are few.
    if (Buffer.compare(sha256(chunk.bytes), chunk.sha256) !== 0) {
      throw new RangeError('the hash of a chunk does not fit its bytes');
    }
    const base = this.#formerSuccessor(predecessor);
    const difference = base && packWithBase(chunk.bytes, base.bytes);
    // Nearly equal: packing it by itself as well would be most of the work, only to be thrown away.
    if (base && difference && difference.length < chunk.bytes.length / 16) {
      return insertRow(session, chunk, base.id, difference);
    }
    const plain = pack(chunk.bytes);
    if (base && difference && plain.length > 100 && difference.length < plain.length / 2) {
      return insertRow(session, chunk, base.id, difference);
    }
    const id = await insertRow(session, chunk, null, plain);
    if (predecessor !== undefined && chunk.bytes.length <= baseBytesMax) {
      this.#freshSuccessors.set(predecessor, { id, bytes: Buffer.from(chunk.bytes) });
    }
    return id;
  }

  /**
   * A message that was the last of its request comes back in the next one without its cache marker, in the same
   * place. So what followed the same predecessor before is likely nearly equal and makes the new chunk tiny.
   */
  #formerSuccessor(predecessor: number | undefined): Base | undefined {
    if (predecessor === undefined) return undefined;
    return this.#freshSuccessors.get(predecessor) ?? this.#successors.get(predecessor);
  }
}

export interface ChunkToStore {
  readonly sha256: Uint8Array;
  readonly bytes: Uint8Array;
}

export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

async function findChunk(session: SqlSession, wanted: Uint8Array): Promise<number | undefined> {
  const [row] = await session.all<{ id: number }>(
    'SELECT id FROM chunks WHERE substr(sha256, 1, 6) = ? AND sha256 = ?',
    [wanted.subarray(0, 6), wanted],
  );
  return row?.id;
}

async function insertRow(
  session: SqlSession,
  chunk: ChunkToStore,
  base: number | null,
  packed: Uint8Array,
): Promise<number> {
  const [row] = await session.all<{ id: number }>(
    'INSERT INTO chunks (sha256, byte_count, base, packed) VALUES (?, ?, ?, ?) RETURNING id',
    [chunk.sha256, chunk.bytes.length, base, packed],
  );
  return row!.id;
}

function keyOf(sha256OfBytes: Uint8Array): string {
  const { buffer, byteOffset, length } = sha256OfBytes;
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}
