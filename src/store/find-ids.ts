import { type ExchangeId, exchangeIdFromBytes } from '#exchange';
import { idTail } from './exchange-row.ts';
import type { SqlSession } from './sql-engine.ts';

/** Ids that begin or end with the text, newest first; both ends are looked up through an index. */
export async function findIds(session: SqlSession, fragment: string, limit: number): Promise<ExchangeId[]> {
  if (!/^[0-9a-f]{1,32}$/.test(fragment) || limit < 1) return [];
  // Longer ends than `id_tail` holds are compared here; 48 bits leave very few to compare.
  const rowsMax = limit + 100;
  const [tailFrom, tailTo] = tailRange(fragment);
  const rows = await session.all<{ id: Uint8Array }>(
    `SELECT id FROM (SELECT id FROM exchanges WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?) AS beginning
     UNION
     SELECT id FROM exchanges WHERE sequence IN (
       SELECT sequence FROM exchanges WHERE id_tail BETWEEN ? AND ? ORDER BY sequence DESC LIMIT ?)
     ORDER BY id DESC`,
    [
      Buffer.from(fragment.padEnd(32, '0'), 'hex'),
      Buffer.from(fragment.padEnd(32, 'f'), 'hex'),
      rowsMax,
      tailFrom,
      tailTo,
      rowsMax,
    ],
  );
  const ids = rows.map((row) => exchangeIdFromBytes(row.id));
  return ids.filter((id) => id.startsWith(fragment) || id.endsWith(fragment)).slice(0, limit);
}

function tailRange(fragment: string): [from: number, to: number] {
  const end = fragment.slice(-12);
  const from = idTail(end);
  return [from, from + 16 ** (12 - end.length) - 1];
}
