import { expect, it } from 'vitest';
import { askedModelsContaining } from './asked-models.ts';
import type { SqlSession } from './sql-engine.ts';

it('looking through thousands of names of models lets others have their turn', async () => {
  const count = 2_000;
  let named = 0;
  const session: Pick<SqlSession, 'all'> = {
    async all<Row>() {
      if (named === count) return [{ name: null }] as Row[];
      named += 1;
      return [{ name: `m${String(named).padStart(9, '0')}` }] as Row[];
    },
  };
  let turns = 0;
  setImmediate(function again() {
    turns += 1;
    if (named < count) setImmediate(again);
  });
  const found = await askedModelsContaining(session as SqlSession, 'M00000000');
  expect(found).toHaveLength(9);
  expect(turns).toBeGreaterThan(5);
});
