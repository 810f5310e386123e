import { RecentMap } from '../recent-map.ts';
import type { SqlSession } from '../sql-engine.ts';

const rememberedNames = 16_384;

/**
 * Gives each name a number. The writer's side: works in transactions, and what a failed one stored is never
 * remembered.
 */
export class NameTable {
  readonly #ids = new RecentMap<string, number>(rememberedNames);
  readonly #lists = new RecentMap<string, number>(64);
  #fresh = new Map<string, number>();
  #freshLists = new Map<string, number>();

  begin(): void {
    this.#fresh = new Map();
    this.#freshLists = new Map();
  }

  /** The numbers mean nothing any more. */
  forget(): void {
    this.#ids.clear();
    this.#lists.clear();
  }

  committed(): void {
    for (const [text, id] of this.#fresh) this.#ids.set(text, id);
    for (const [key, id] of this.#freshLists) this.#lists.set(key, id);
  }

  /** null for what is unknown */
  async idOf(session: SqlSession, text: string | undefined): Promise<number | null> {
    if (text === undefined) return null;
    const known = this.#ids.get(text) ?? this.#fresh.get(text);
    if (known !== undefined) return known;
    await session.run('INSERT INTO names (text) VALUES (?) ON CONFLICT (text) DO NOTHING', [text]);
    const [row] = await session.all<{ id: number }>('SELECT id FROM names WHERE text = ?', [text]);
    this.#fresh.set(text, row!.id);
    return row!.id;
  }

  /** Number of a list of names; null for an empty one. */
  async listIdOf(session: SqlSession, list: readonly string[]): Promise<number | null> {
    if (list.length === 0) return null;
    const key = JSON.stringify(list);
    const known = this.#lists.get(key) ?? this.#freshLists.get(key);
    if (known !== undefined) return known;
    const ids: (number | null)[] = [];
    for (const text of list) ids.push(await this.idOf(session, text));
    const names = JSON.stringify(ids);
    await session.run('INSERT INTO name_lists (names) VALUES (?) ON CONFLICT (names) DO NOTHING', [names]);
    const [row] = await session.all<{ id: number }>('SELECT id FROM name_lists WHERE names = ?', [names]);
    this.#freshLists.set(key, row!.id);
    return row!.id;
  }
}
