import { RecentMap } from './recent-map.ts';
import type { SqlSession } from './sql-engine.ts';

const rememberedLists = 64;

/**
 * Stores each list of tools once and says under which number. Works in transactions like `ChunkWriter`: what a failed
 * one stored is never remembered.
 */
export class ToolLists {
  readonly #ids = new RecentMap<string, number>(rememberedLists);
  #fresh = new Map<string, number>();

  /** @param isSwept lists may have been deleted since the last transaction */
  begin(isSwept: boolean): void {
    this.#fresh = new Map();
    if (isSwept) this.#ids.clear();
  }

  committed(): void {
    for (const [names, id] of this.#fresh) this.#ids.set(names, id);
  }

  /** null for an empty list */
  async idOf(session: SqlSession, list: readonly string[]): Promise<number | null> {
    if (list.length === 0) return null;
    const names = JSON.stringify(list);
    const known = this.#ids.get(names) ?? this.#fresh.get(names);
    if (known !== undefined) return known;
    await session.run('INSERT INTO tool_lists (names) VALUES (?) ON CONFLICT (names) DO NOTHING', [names]);
    const [row] = await session.all<{ id: number }>('SELECT id FROM tool_lists WHERE names = ?', [names]);
    this.#fresh.set(names, row!.id);
    return row!.id;
  }
}
