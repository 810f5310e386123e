import { RecentMap } from '../recent-map.ts';
import type { SqlSession } from '../sql-engine.ts';

/** Names and their numbers, as they are read. A number never means another name. */
export class NameReader {
  readonly #session: Pick<SqlSession, 'all'>;
  readonly #texts = new RecentMap<number, string>(16_384);

  constructor(session: Pick<SqlSession, 'all'>) {
    this.#session = session;
  }

  /** undefined when nothing has that name. */
  async idOf(text: string): Promise<number | undefined> {
    const [row] = await this.#session.all<{ id: number }>('SELECT id FROM names WHERE text = ?', [text]);
    return row?.id;
  }

  /** undefined for 0, which stands for unknown. */
  async textOf(id: number | null): Promise<string | undefined> {
    if (id === null || id === 0) return undefined;
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const [row] = await this.#session.all<{ text: string }>('SELECT text FROM names WHERE id = ?', [id]);
    if (row !== undefined) this.#texts.set(id, row.text);
    return row?.text;
  }
}
