import type { SqlEngine } from '../sql-engine.ts';
import type { DerivedRequest, DerivedRequests } from './derived-store.ts';
import type { DerivedTables } from './derived-tables.ts';
import { forgetUnusedNames } from './forget-names.ts';
import { forgetRequests, noteToReadAgain } from './forget-requests.ts';
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

  async sequencesAfter(sequence: number, limit: number): Promise<number[]> {
    return this.#sequences('SELECT sequence FROM requests WHERE sequence > ? ORDER BY sequence LIMIT ?', [
      sequence,
      limit,
    ]);
  }

  async forget(sequences: readonly number[]): Promise<void> {
    await this.#engine.write((session) => forgetRequests(session, sequences));
    this.#engine.tidy();
  }

  async toReadAgain(limit: number): Promise<number[]> {
    return this.#sequences('SELECT sequence FROM text_again ORDER BY sequence LIMIT ?', [limit]);
  }

  async haveReadAgain(sequences: readonly number[]): Promise<void> {
    await this.#engine.run('DELETE FROM text_again WHERE sequence IN (SELECT value FROM json_each(?))', [
      JSON.stringify(sequences),
    ]);
  }

  async haveForgottenTexts(sequences: readonly number[], through: number): Promise<void> {
    await this.#engine.write(async (session) => {
      await noteToReadAgain(session, sequences);
      await movePosition(session, 'prunings', through);
    });
    this.#engine.wipe();
  }

  async haveForgotten(deletedTotal: number): Promise<void> {
    // Not before: what is broken off is done again.
    await forgetUnusedNames(this.#engine, this.#names);
    await this.#engine.write((session) => movePosition(session, 'deletions', deletedTotal));
    while (await this.#engine.reclaim());
    this.#engine.wipe();
  }

  async #sequences(statement: string, values: readonly number[]): Promise<number[]> {
    const rows = await this.#engine.all<{ sequence: number }>(statement, values);
    return rows.map(({ sequence }) => sequence);
  }

  async count(): Promise<number> {
    const [row] = await this.#engine.all<{ count: number }>('SELECT count(*) AS count FROM requests', []);
    return row?.count ?? 0;
  }
}
