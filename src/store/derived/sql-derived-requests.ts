import type { SqlEngine } from '../sql-engine.ts';
import type { DerivedRequest, DerivedRequests } from './derived-store.ts';
import type { DerivedTables } from './derived-tables.ts';
import { addToStatistics } from './maintain-statistics.ts';
import type { NameTable } from './name-table.ts';
import { movePosition, positionOf } from './positions.ts';
import { insertRow, requestRow } from './request-row.ts';

export class SqlDerivedRequests implements DerivedRequests {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameTable;

  constructor(engine: SqlEngine<DerivedTables>, names: NameTable) {
    this.#engine = engine;
    this.#names = names;
  }

  async append(requests: readonly DerivedRequest[], through: number): Promise<void> {
    await this.#engine.write(async (session) => {
      this.#names.begin();
      const before = await positionOf(session, 'requests');
      for (const request of requests) {
        if (request.exchange.sequence <= before) continue;
        await insertRow(session, await requestRow(session, this.#names, request));
      }
      await addToStatistics(session, { after: before, through });
      await movePosition(session, 'requests', Math.max(before, through));
    });
    this.#names.committed();
    this.#engine.tidy();
  }

  async count(): Promise<number> {
    const [row] = await this.#engine.all<{ count: number }>('SELECT count(*) AS count FROM requests', []);
    return row?.count ?? 0;
  }
}
