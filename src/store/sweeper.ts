import { setImmediate as nextTurn } from 'node:timers/promises';
import { providerSides } from '#exchange';
import { type BodyPlace, bodyPlace } from './body-key.ts';
import { decodePackedRecipe } from './body-reader.ts';
import type { SqlEngine, SqlSession } from './sql-engine.ts';
import { StoreError } from './store.ts';
import type { Tables } from './tables.ts';

const bodiesPerRead = 100;
const chunksPerRead = 2_000;
const chunksPerDelete = 500;

/**
 * Deletes the exchanges with these sequences and their bodies in one transaction; chunks stay for `sweepChunks`.
 * Idempotent.
 */
export async function deleteExchanges(
  engine: SqlEngine<Tables>,
  sequences: readonly number[],
): Promise<number> {
  return engine.write(async (session) => {
    let deleted = 0;
    for (const sequence of sequences) {
      await deleteBodies(session, sequence);
      await session.run('DELETE FROM prunings WHERE sequence = ?', [sequence]);
      deleted += await session.run('DELETE FROM exchanges WHERE sequence = ?', [sequence]);
    }
    await session.run(`UPDATE counters SET value = value - ? WHERE name = 'exchanges'`, [deleted]);
    await session.run(`UPDATE counters SET value = value + ? WHERE name = 'deleted'`, [deleted]);
    return deleted;
  });
}

/** Deletes the bodies of these exchanges in one transaction and notes that. Idempotent. @returns of how many */
export async function pruneBodies(
  engine: SqlEngine<Tables>,
  sequences: readonly number[],
  nowMs: number,
): Promise<number> {
  return engine.write(async (session) => {
    let pruned = 0;
    for (const sequence of sequences) {
      const changed = await session.run(
        'UPDATE exchanges SET bodies_pruned_at_ms = ? WHERE sequence = ? AND bodies_pruned_at_ms IS NULL',
        [nowMs, sequence],
      );
      if (changed === 0) continue;
      await deleteBodies(session, sequence);
      await session.run('INSERT INTO prunings (sequence) VALUES (?)', [sequence]);
      pruned += 1;
    }
    return pruned;
  });
}

async function deleteBodies(session: SqlSession, sequence: number): Promise<void> {
  for (const side of ['request', 'response', ...providerSides] as const) {
    const { table, key } = bodyPlace(sequence, side);
    await session.run(`DELETE FROM ${table} WHERE id = ?`, [key]);
  }
  await session.run('DELETE FROM arrivals WHERE sequence = ?', [sequence]);
}

/**
 * Deletes chunks that no recipe mentions. Recipes are read without a lock; right before each slice of deletions,
 * under the write lock, those that were committed meanwhile are read as well. So a chunk that a recorder in another
 * process has just referred to stays, and the recorder learns from the counter that others went.
 */
export async function sweepChunks(
  engine: SqlEngine<Tables>,
  patiently: <Result>(work: () => Promise<Result>) => Promise<Result>,
): Promise<void> {
  const mentions = new Mentions();
  while (await mentions.readSome(engine)) await nextTurn();
  // From the newest to the oldest: a chunk is newer than its base, so it goes before it.
  for (let cursor = await afterLastChunk(engine); ; ) {
    const rows = await engine.all<{ id: number }>(
      'SELECT id FROM chunks WHERE id < ? ORDER BY id DESC LIMIT ?',
      [cursor, chunksPerRead],
    );
    if (rows.length === 0) break;
    const ids = rows.map((row) => row.id).filter((id) => !mentions.has(id));
    for (let start = 0; start < ids.length; start += chunksPerDelete) {
      const slice = ids.slice(start, start + chunksPerDelete);
      await patiently(() => engine.write((session) => deleteUnmentioned(session, slice, mentions)));
    }
    cursor = rows.at(-1)!.id;
    await nextTurn();
  }
  await patiently(() => engine.write(deleteUnusedToolLists));
}

async function deleteUnusedToolLists(session: SqlSession): Promise<void> {
  const deleted = await session.run(
    'DELETE FROM tool_lists WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE tools_declared = tool_lists.id)',
    [],
  );
  if (deleted > 0) await countSweep(session);
}

/** Tells the recorder, in another process, that it cannot rely on what it stored before. */
async function countSweep(session: SqlSession): Promise<void> {
  await session.run(`UPDATE counters SET value = value + 1 WHERE name = 'chunk-sweeps'`, []);
}

async function deleteUnmentioned(
  session: SqlSession,
  ids: readonly number[],
  mentions: Mentions,
): Promise<void> {
  while (await mentions.readSome(session));
  let deleted = 0;
  for (const id of ids) {
    if (mentions.has(id)) continue;
    deleted += await session.run(
      'DELETE FROM chunks WHERE id = ? AND NOT EXISTS (SELECT 1 FROM chunks AS other WHERE other.base = ?)',
      [id, id],
    );
  }
  if (deleted > 0) await countSweep(session);
}

async function afterLastChunk(session: SqlSession): Promise<number> {
  const [row] = await session.all<{ id: number | null }>('SELECT max(id) AS id FROM chunks', []);
  return (row?.id ?? 0) + 1;
}

/** One bit for each chunk that a recipe read so far mentions: 1 MB for eight million chunks. */
class Mentions {
  #bits = new Uint8Array(4096);
  readonly #lastBody = { bodies: 0, provider_bodies: 0 };

  has(id: number): boolean {
    return ((this.#bits[Math.floor(id / 8)] ?? 0) & (1 << (id % 8))) !== 0;
  }

  /** Reads the next recipes; false when there are none. Numbers of bodies rise in the order of commits. */
  async readSome(session: Pick<SqlSession, 'all'>): Promise<boolean> {
    const ofClients = await this.#readOf(session, 'bodies');
    const ofProviders = await this.#readOf(session, 'provider_bodies');
    return ofClients || ofProviders;
  }

  async #readOf(session: Pick<SqlSession, 'all'>, table: BodyPlace['table']): Promise<boolean> {
    const rows = await session.all<{ id: number; recipe: Uint8Array }>(
      `SELECT id, recipe FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`,
      [this.#lastBody[table], bodiesPerRead],
    );
    for (const { id, recipe } of rows) {
      for (const part of decodeOrRefuse(id, recipe)) if (part.kind === 'chunk') this.#add(part.id);
      this.#lastBody[table] = id;
    }
    return rows.length > 0;
  }

  #add(id: number): void {
    const place = Math.floor(id / 8);
    if (place >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(place + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[place]! |= 1 << (id % 8);
  }
}

// With an unreadable recipe nobody knows what is needed: then nothing more is deleted.
function decodeOrRefuse(body: number, recipe: Uint8Array) {
  try {
    return decodePackedRecipe(recipe);
  } catch (error) {
    throw new StoreError('corrupt', `Recipe ${body} is damaged; no chunks were deleted after that.`, {
      cause: error,
    });
  }
}
