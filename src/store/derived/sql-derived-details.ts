import type { SqlEngine, SqlSession, SqlValue } from '../sql-engine.ts';
import type { DerivedDetails, RateLimitPoint, RateLimitsQuery, RequestDetails } from './derived-details.ts';
import type { DerivedTables } from './derived-tables.ts';
import type { NameTable } from './name-table.ts';
import { movePosition, positionOf } from './positions.ts';
import { queryTimeMs } from './query-time.ts';

const minuteMs = 60_000;

export function createDerivedDetails(engine: SqlEngine<DerivedTables>, names: NameTable): DerivedDetails {
  return {
    async append(details, through) {
      await engine.write(async (session) => {
        names.begin();
        for (const each of details) await putDetails(session, names, each);
        await movePosition(session, 'details', Math.max(await positionOf(session, 'details'), through));
      });
      names.committed();
      engine.tidy();
    },
    rateLimits: (query) => rateLimits(engine, query),
  };
}

async function putDetails(session: SqlSession, names: NameTable, details: RequestDetails): Promise<void> {
  const name = (text: string | undefined) => names.idOf(session, text);
  const { sequence, atMs } = details;
  // Deleted since it was read.
  const [known] = await session.all('SELECT 1 FROM requests WHERE sequence = ?', [sequence]);
  if (known === undefined) return;
  await session.run(
    'INSERT OR REPLACE INTO request_details (sequence, route, os, betas, attempts) VALUES (?, ?, ?, ?, ?)',
    [
      sequence,
      await name(details.route),
      await name(details.os),
      await names.listIdOf(session, details.betas),
      details.attempts,
    ],
  );
  for (const { window, limit, remaining, used, resetsAtMs, status } of details.limits) {
    await session.run(
      `INSERT INTO rate_limits (provider, limit_window, minute, sequence, at_ms, allowed, remaining, used, resets_at_ms, status)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (provider, limit_window, minute) DO UPDATE SET sequence = excluded.sequence, at_ms = excluded.at_ms,
         allowed = excluded.allowed, remaining = excluded.remaining, used = excluded.used,
         resets_at_ms = excluded.resets_at_ms, status = excluded.status
       WHERE excluded.at_ms >= rate_limits.at_ms`,
      [
        (await name(details.provider)) ?? 0,
        (await name(window))!,
        Math.floor(atMs / minuteMs),
        sequence,
        atMs,
        limit ?? null,
        remaining ?? null,
        used ?? null,
        resetsAtMs ?? null,
        await name(status),
      ],
    );
  }
}

interface LimitRow {
  provider: string | null;
  window: string;
  at_ms: number;
  allowed: number | null;
  remaining: number | null;
  used: number | null;
  resets_at_ms: number | null;
  status: string | null;
}

async function rateLimits(
  engine: SqlEngine<DerivedTables>,
  { fromMs, toMs, provider, window, limit }: RateLimitsQuery,
): Promise<RateLimitPoint[]> {
  const where = ['within_time()', 'l.minute BETWEEN ? AND ?', 'l.at_ms >= ?', 'l.at_ms < ?'];
  const values: SqlValue[] = [Math.floor(fromMs / minuteMs), Math.floor(toMs / minuteMs), fromMs, toMs];
  if (provider !== undefined) {
    where.push('p.text = ?');
    values.push(provider);
  }
  if (window !== undefined) {
    where.push('w.text = ?');
    values.push(window);
  }
  const rows = await engine.limited(queryTimeMs).all<LimitRow>(
    `SELECT * FROM (
       SELECT p.text AS provider, w.text AS window, l.at_ms, l.allowed, l.remaining, l.used, l.resets_at_ms, s.text AS status,
         row_number() OVER (PARTITION BY l.provider, l.limit_window ORDER BY l.minute DESC) AS place
       FROM rate_limits l JOIN names w ON w.id = l.limit_window LEFT JOIN names p ON p.id = l.provider
         LEFT JOIN names s ON s.id = l.status
       WHERE ${where.join(' AND ')}
     ) WHERE place <= ? ORDER BY provider, window, at_ms`,
    [...values, limit],
  );
  return rows.map((row) => ({
    atMs: row.at_ms,
    provider: row.provider ?? undefined,
    window: row.window,
    ...(row.allowed === null ? {} : { limit: row.allowed }),
    ...(row.remaining === null ? {} : { remaining: row.remaining }),
    ...(row.used === null ? {} : { used: row.used }),
    ...(row.resets_at_ms === null ? {} : { resetsAtMs: row.resets_at_ms }),
    ...(row.status === null ? {} : { status: row.status }),
  }));
}
