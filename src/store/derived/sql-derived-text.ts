import { createHash } from 'node:crypto';
import { exchangeIdFromBytes } from '#exchange';
import { findInText, type Query, snippetOf } from '#search';
import { packQuickly, unpack } from '../packing.ts';
import type { SqlEngine, SqlSession, SqlValue } from '../sql-engine.ts';
import { StoreError } from '../store.ts';
import { type Condition, conditionOf } from './compile-query.ts';
import type { DerivedTables } from './derived-tables.ts';
import {
  type DerivedText,
  type FoundSession,
  type FoundText,
  type RefusedSearch,
  type TextKind,
  type TextPlace,
  type TextSearch,
  type TextSearchResult,
  type TextSource,
  textKinds,
  textRoles,
} from './derived-text.ts';
import { forgetUnusedNames } from './forget-names.ts';
import { lookUpNames } from './look-up-names.ts';
import { matchingBlocks } from './matching-blocks.ts';
import type { NameTable } from './name-table.ts';
import { movePosition, positionOf } from './positions.ts';
import { addTouches, forgetTouches } from './sql-derived-files.ts';
import type { TextIndex, TextMatch } from './text-index.ts';

const sources = ['wire', 'transcript'] as const satisfies readonly TextSource[];
/** A cut text has at most four bytes for each of its characters. */
const textBytesMax = 4 * 1024 * 1024;

export class SqlDerivedText implements DerivedText {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameTable;
  readonly #index: TextIndex;

  constructor(engine: SqlEngine<DerivedTables>, names: NameTable, index: TextIndex) {
    this.#engine = engine;
    this.#names = names;
    this.#index = index;
  }

  async append(
    places: readonly TextPlace[],
    step: 'text' | 'transcript-text',
    through: number,
  ): Promise<void> {
    await this.#engine.write(async (session) => {
      this.#names.begin();
      for (const place of places) await this.#addPlace(session, place);
      await movePosition(session, step, Math.max(await positionOf(session, step), through));
    });
    this.#names.committed();
    this.#engine.tidy();
  }

  async #addPlace(session: SqlSession, at: TextPlace): Promise<void> {
    const { source, place, sessionId, atMs, said } = at;
    await addTouches(session, this.#names, at);
    const inSession = (await this.#names.idOf(session, sessionId)) ?? 0;
    for (const { kind, role, text } of said) {
      const block = await this.#blockOf(session, kind, text);
      await session.run(
        `INSERT INTO text_places (block, session, source, place, at_ms, role) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (block, session, source) DO NOTHING`,
        [block, inSession, sources.indexOf(source), place, atMs, textRoles.indexOf(role)],
      );
    }
  }

  async #blockOf(session: SqlSession, kind: TextKind, text: string): Promise<number> {
    const hash = hashOf(kind, text);
    const [known] = await session.all<{ id: number }>('SELECT id FROM text_blocks WHERE hash = ?', [hash]);
    if (known) return known.id;
    await session.run('INSERT INTO text_blocks (hash, kind, packed) VALUES (?, ?, ?)', [
      hash,
      textKinds.indexOf(kind),
      packQuickly(Buffer.from(text)),
    ]);
    const [row] = await session.all<{ id: number }>('SELECT id FROM text_blocks WHERE hash = ?', [hash]);
    await this.#index.add(session, row!.id, indexed(text));
    return row!.id;
  }

  async forget(source: TextSource, places: readonly number[]): Promise<void> {
    await this.#engine.write(async (session) => {
      for (const place of places) {
        await forgetTouches(session, source, place);
        const at = [sources.indexOf(source), place];
        const blocks = await session.all<{ block: number }>(
          'SELECT DISTINCT block FROM text_places WHERE source = ? AND place = ?',
          at,
        );
        await session.run('DELETE FROM text_places WHERE source = ? AND place = ?', at);
        for (const { block } of blocks) await this.#dropUnused(session, block);
      }
    });
    this.#engine.tidy();
  }

  async transcriptPlacesAfter(place: number, limit: number): Promise<number[]> {
    const rows = await this.#engine.all<{ place: number }>(
      `SELECT place FROM (
         SELECT DISTINCT place FROM text_places WHERE source = 1 AND place > ? ORDER BY place LIMIT ?
       ) UNION SELECT place FROM (
         SELECT DISTINCT place FROM file_touches WHERE source = 1 AND place > ? ORDER BY place LIMIT ?
       ) ORDER BY place LIMIT ?`,
      [place, limit, place, limit, limit],
    );
    return rows.map((row) => row.place);
  }

  async haveForgottenFiles(change: number, givesBack: boolean): Promise<void> {
    if (givesBack) await forgetUnusedNames(this.#engine, this.#names);
    await this.#engine.write((session) => movePosition(session, 'forgotten-files', change));
    while (givesBack && (await this.#engine.reclaim()));
    this.#engine.tidy();
  }

  async #dropUnused(session: SqlSession, block: number): Promise<void> {
    const [unused] = await session.all<{ packed: Uint8Array }>(
      'SELECT packed FROM text_blocks WHERE id = ? AND NOT EXISTS (SELECT 1 FROM text_places WHERE block = id)',
      [block],
    );
    if (unused === undefined) return;
    await this.#index.remove(session, block, indexed(textOf(unused.packed)));
    await session.run('DELETE FROM text_blocks WHERE id = ?', [block]);
  }

  async search(search: TextSearch): Promise<TextSearchResult | RefusedSearch> {
    const match = this.#index.matching(search.words);
    if (match.kind === 'refused') return match;
    const { hits, isComplete } = await this.#hits(search, match);
    const ranked = ranking(hits);
    const page = ranked.slice(search.offset, search.offset + search.limit);
    const sessions: FoundSession[] = [];
    for (const group of page) sessions.push(await this.#foundSession(group, search));
    return { kind: 'found', sessions, total: ranked.length, isComplete };
  }

  async #hits(search: TextSearch, match: TextMatch & { kind: 'statement' }) {
    const startedAtMs = performance.now();
    const deadline = startedAtMs + search.timeMs;
    const enoughMs = startedAtMs + (search.foundTimeMs ?? search.timeMs);
    const keys = await this.#conditionOf(search);
    const hits: Hit[] = [];
    const known = new Map<number, boolean>();
    const passes = async ({ block }: Hit) => {
      if (!known.has(block))
        known.set(block, performance.now() < deadline && (await this.#says(block, search.words)));
      return known.get(block);
    };
    let isWhole = true;
    for await (const { blocks, isAll } of matchingBlocks(this.#engine, match)) {
      for (let left = blocks; left.length > 0; ) {
        const limit = search.matchesMax - hits.length;
        const places = await this.#placesOf(left, search, { keys, limit });
        for (const place of places) if (match.isExact || (await passes(place))) hits.push(place);
        if (places.length < limit) break;
        isWhole = false;
        if (hits.length >= search.matchesMax || performance.now() >= deadline)
          return { hits, isComplete: false };
        const last = places.at(-1)!.block;
        left = left.filter(({ block }) => block < last);
      }
      const nowMs = performance.now();
      if (isAll) return { hits, isComplete: isWhole && (nowMs < deadline || match.isExact) };
      const isLate = nowMs >= deadline || (hits.length > 0 && nowMs >= enoughMs);
      if (hits.length >= search.matchesMax || isLate) return { hits, isComplete: false };
    }
    return { hits, isComplete: isWhole };
  }

  async #conditionOf({ keys, nowMs, zone }: TextSearch): Promise<Condition | undefined> {
    if (keys === undefined || keys.kind === 'everything') return undefined;
    return conditionOf(keys, { nowMs, zone, numbers: await lookUpNames(this.#engine, keys) });
  }

  async #placesOf(
    blocks: readonly { block: number }[],
    search: TextSearch,
    { keys, limit }: { keys: Condition | undefined; limit: number },
  ): Promise<Hit[]> {
    const where: string[] = [];
    const values: SqlValue[] = [JSON.stringify(blocks.map(({ block }) => block))];
    const add = (condition: string, ...more: SqlValue[]) => {
      where.push(`AND ${condition}`);
      values.push(...more);
    };
    if (search.fromMs !== undefined) add('p.at_ms >= ?', search.fromMs);
    if (search.toMs !== undefined) add('p.at_ms < ?', search.toMs);
    if (search.sessionId !== undefined)
      add('p.session = (SELECT id FROM names WHERE text = ?)', search.sessionId);
    if (keys !== undefined) {
      const { sql, parameters } = keys;
      add(
        `+p.source = 0 AND EXISTS (SELECT 1 FROM requests r WHERE r.sequence = p.place AND ${sql})`,
        ...parameters,
      );
    }
    const found = await this.#engine.all<PlaceRow>(
      // A text of every session has as many places: no more of them are read than are looked at.
      `SELECT p.block, p.session, p.source, p.place, p.at_ms, p.role, b.kind
       FROM json_each(?) AS wanted
       CROSS JOIN text_blocks b ON b.id = wanted.value
       CROSS JOIN text_places p ON p.block = b.id
       WHERE 1 ${where.join(' ')}
       ORDER BY p.block DESC, p.at_ms DESC LIMIT ?`,
      [...values, limit],
    );
    return found.map(hitFrom);
  }

  /** Whether a text has what the index can only guess at. */
  async #says(block: number, words: Query): Promise<boolean> {
    const [row] = await this.#engine.all<{ packed: Uint8Array }>(
      'SELECT packed FROM text_blocks WHERE id = ?',
      [block],
    );
    return row !== undefined && findInText(words, textOf(row.packed)) !== undefined;
  }

  async #foundSession(group: Group, { words, snippetsMax }: TextSearch): Promise<FoundSession> {
    const found: FoundText[] = [];
    for (const hit of group.best.slice(0, snippetsMax)) {
      const text = await this.#foundText(hit, words);
      if (text) found.push(text);
    }
    const [name] = await this.#engine.all<{ text: string }>('SELECT text FROM names WHERE id = ?', [
      group.session,
    ]);
    return {
      sessionId: name?.text,
      matches: group.matches,
      lastMatchMs: group.lastMatchMs,
      score: group.score,
      found,
    };
  }

  async #foundText(hit: Hit, words: Query): Promise<FoundText | undefined> {
    const [row] = await this.#engine.all<{ packed: Uint8Array; id: Uint8Array | null }>(
      'SELECT packed, (SELECT id FROM requests WHERE ? = 0 AND sequence = ?) AS id FROM text_blocks WHERE id = ?',
      [hit.source, hit.place, hit.block],
    );
    // Deleted since it was found.
    if (row === undefined) return undefined;
    const text = textOf(row.packed);
    return {
      source: sources[hit.source]!,
      place: hit.place,
      ...(row.id === null ? {} : { requestId: exchangeIdFromBytes(row.id) }),
      atMs: hit.atMs,
      kind: textKinds[hit.kind]!,
      role: textRoles[hit.role]!,
      snippet: snippetOf(text, findInText(words, text) ?? []),
    };
  }
}

interface PlaceRow {
  block: number;
  session: number;
  source: number;
  place: number;
  at_ms: number;
  role: number;
  kind: number;
}

interface Hit {
  readonly block: number;
  readonly session: number;
  readonly source: number;
  readonly place: number;
  readonly atMs: number;
  readonly role: number;
  readonly kind: number;
}

function hitFrom({ block, session, source, place, at_ms: atMs, role, kind }: PlaceRow): Hit {
  return { block, session, source, place, atMs, role, kind };
}

interface Group {
  readonly session: number;
  readonly matches: number;
  readonly lastMatchMs: number;
  readonly score: number;
  /** One for each text, the best first. */
  readonly best: readonly Hit[];
}

/** What people wrote and read says more about a session than what tools put out. */
const kindWeights: Readonly<Record<TextKind, number>> = {
  title: 4,
  text: 2,
  thinking: 1,
  'tool-input': 1,
  'tool-result': 0.6,
};

/** Sessions by what was found in them; many matches help ever less, so that a long log does not win by its length. */
function ranking(hits: readonly Hit[]): Group[] {
  const bySession = new Map<number, Map<number, Hit>>();
  for (const hit of hits) {
    const blocks = bySession.get(hit.session) ?? new Map<number, Hit>();
    bySession.set(hit.session, blocks);
    const known = blocks.get(hit.block);
    // A text that went over the wire and stands in a transcript is one text; the wire has more to tell.
    if (known === undefined || hit.source < known.source) blocks.set(hit.block, hit);
  }
  return [...bySession]
    .map(([session, blocks]) => groupOf(session, [...blocks.values()]))
    .sort((a, b) => b.score - a.score || b.lastMatchMs - a.lastMatchMs);
}

function groupOf(session: number, hits: readonly Hit[]): Group {
  const weight = (hit: Hit) => kindWeights[textKinds[hit.kind]!];
  const best = [...hits].sort((a, b) => weight(b) - weight(a) || b.atMs - a.atMs);
  const sum = best.reduce((total, hit) => total + weight(hit), 0);
  return {
    session,
    matches: hits.length,
    lastMatchMs: Math.max(...hits.map(({ atMs }) => atMs)),
    score: Math.round((weight(best[0]!) + Math.log2(1 + sum)) * 1000) / 1000,
    best,
  };
}

/** What the index is given: it has no use for characters that end texts elsewhere. */
function indexed(text: string): string {
  return text.replaceAll('\0', ' ');
}

function textOf(packed: Uint8Array): string {
  try {
    return Buffer.from(unpack(packed, textBytesMax)).toString('utf8');
  } catch (cause) {
    throw new StoreError('corrupt', 'A text of the index is damaged.', { cause });
  }
}

function hashOf(kind: TextKind, text: string): Uint8Array {
  return createHash('sha256').update(`${kind}\0`).update(text).digest().subarray(0, 16);
}
