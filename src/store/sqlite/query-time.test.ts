import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '#test-support';
import type { DerivedTables } from '../derived/derived-tables.ts';
import { NameReader } from '../derived/name-reader.ts';
import { NameTable } from '../derived/name-table.ts';
import { createDerivedDetails } from '../derived/sql-derived-details.ts';
import { SqlDerivedFiles } from '../derived/sql-derived-files.ts';
import { createDerivedJoin } from '../derived/sql-derived-join.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { derivedDatabase } from './derived-migrations.ts';
import { openEngine } from './engine.ts';

let directory: TempDir;
let engine: SqlEngine<DerivedTables>;
beforeEach(async () => {
  directory = makeTempDir('query-time');
  engine = await openEngine(directory.join('throughline-derived.db'), derivedDatabase, {
    now: Date.now,
    openTimeoutMs: 5_000,
  });
});
afterEach(async () => {
  await engine.close();
  directory.remove();
});

/** The engine when the time of every query is over. */
function late(): SqlEngine<DerivedTables> {
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === 'limited') return () => target.limited(-1);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const tooSlow = { code: 'too-slow' };

it('the join of transcripts and the wire ends when its time is over', async () => {
  await engine.run(
    `INSERT INTO transcript_answers (answer, entry_id, file_id, session, is_api_error) VALUES ('r:1', 1, 1, 's', 0)`,
    [],
  );
  expect((await createDerivedJoin(engine).report(10)).answers).toBe(1);
  await expect(createDerivedJoin(late()).report(10)).rejects.toMatchObject(tooSlow);
  await expect(createDerivedJoin(late()).rate()).rejects.toMatchObject(tooSlow);
});

it('a list of files ends when its time is over, also when none fits', async () => {
  await engine.run(
    `INSERT INTO files (path, reads, writes, sessions, last_at_ms) VALUES ('/src/a.ts', 1, 0, 1, 5)`,
    [],
  );
  const files = (from: SqlEngine<DerivedTables>) => new SqlDerivedFiles(from, new NameReader(from));
  expect(await files(engine).list({ contains: 'A.TS', limit: 10 })).toHaveLength(1);
  await expect(files(late()).list({ contains: 'none', limit: 10 })).rejects.toMatchObject(tooSlow);
});

it('limits of every provider are looked up by their time, and no longer than a query may take', async () => {
  const statements: string[] = [];
  await engine.run(`INSERT INTO names (id, text) VALUES (1, '5h')`, []);
  await engine.run(
    'INSERT INTO rate_limits (provider, limit_window, minute, sequence, at_ms) VALUES (0, 1, 2, 1, 120000)',
    [],
  );
  const noting = new Proxy(engine, {
    get: (target, name) =>
      name === 'limited'
        ? () => ({
            all: (statement: string, values: readonly number[]) => {
              statements.push(statement);
              return target.all(statement, values);
            },
          })
        : Reflect.get(target, name, target),
  });
  const query = { fromMs: 60_000, toMs: 180_000, limit: 10 };
  const limits = (from: SqlEngine<DerivedTables>) =>
    createDerivedDetails(from, new NameTable()).rateLimits(query);
  expect(await limits(noting)).toHaveLength(1);
  const plan = await engine.all<{ detail: string }>(
    `EXPLAIN QUERY PLAN ${statements[0]!.replace('within_time()', '1')}`,
    [1, 3, 60_000, 180_000, 10],
  );
  expect(plan.map(({ detail }) => detail).join('\n')).toContain('rate_limits_by_minute');
  await expect(limits(late())).rejects.toMatchObject(tooSlow);
});
