import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '#test-support';
import { countQuery, listQuery } from '../exchange-query.ts';
import type { SqlEngine, SqlValue } from '../sql-engine.ts';
import type { ExchangeFilter } from '../store.ts';
import type { Tables } from '../tables.ts';
import { exchangeToStore } from '../testing/exchange-to-store.ts';
import { openEngine } from './engine.ts';
import { factsDatabase } from './migrations.ts';

const directory = makeTempDir('store-plans');
let engine: SqlEngine<Tables>;
beforeAll(async () => {
  engine = await openEngine(directory.join('throughline.db'), factsDatabase, {
    now: Date.now,
    openTimeoutMs: 5_000,
  });
});
afterAll(async () => {
  await engine.close();
  directory.remove();
});

async function plan(query: { sql: string; parameters: readonly unknown[] }): Promise<string> {
  const rows = await engine.all<{ detail: string }>(
    `EXPLAIN QUERY PLAN ${query.sql}`,
    query.parameters as SqlValue[],
  );
  return rows.map((row) => row.detail).join('\n');
}

const after = { receivedAtMs: 1_700_000_000_000, id: exchangeToStore(1).exchange.id };

describe('the plans of SQLite for lists', () => {
  const cases: [name: string, filter: ExchangeFilter, models: string[] | undefined, index: string][] = [
    ['everything', {}, undefined, 'exchanges_by_time'],
    ['a session', { sessionId: 's' }, undefined, 'exchanges_by_session'],
    ['an agent', { agentId: 'a' }, undefined, 'exchanges_by_agent'],
    ['a tag', { tag: 't' }, undefined, 'exchanges_by_tag'],
    ['a provider', { provider: 'p' }, undefined, 'exchanges_by_provider'],
    ['a path', { path: '/p' }, undefined, 'exchanges_by_path'],
    ['one model', {}, ['m'], 'exchanges_by_asked_model'],
    ['two models', {}, ['m', 'n'], 'exchanges_by_asked_model'],
    ['an unusual outcome', { outcome: 'interrupted' }, undefined, 'exchanges_not_complete'],
    ['error statuses', { statusFrom: 400, statusBelow: 500 }, undefined, 'exchanges_with_other_status'],
  ];

  for (const [name, filter, models, index] of cases) {
    it(`go through ${index} for ${name} and read no more than a page`, async () => {
      const text = await plan(listQuery(engine.queries, { filter, models, after, offset: 0, limit: 50 }));
      expect(text).toContain(index);
      expect(text).not.toMatch(/^SCAN exchanges$/m);
      expect(await plan(countQuery(engine.queries, filter, models))).toContain('INDEX');
    });
  }
});
