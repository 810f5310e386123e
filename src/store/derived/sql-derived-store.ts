import type { SqlEngine } from '../sql-engine.ts';
import type { DerivedConversations } from './derived-conversations.ts';
import type { DerivedDetails } from './derived-details.ts';
import type { DerivedFiles } from './derived-files.ts';
import type { DerivedJoin } from './derived-join.ts';
import type { DerivedSessions } from './derived-sessions.ts';
import type { DerivedHealth, DerivedRequests, DerivedStore, DerivingStep } from './derived-store.ts';
import type { DerivedTables } from './derived-tables.ts';
import type { DerivedText } from './derived-text.ts';
import { NameReader } from './name-reader.ts';
import { NameTable } from './name-table.ts';
import { allPositions, positionOf } from './positions.ts';
import type { RequestSearch } from './request-search.ts';
import { createDerivedConversations } from './sql-derived-conversations.ts';
import { createDerivedDetails } from './sql-derived-details.ts';
import { SqlDerivedFiles } from './sql-derived-files.ts';
import { createDerivedJoin } from './sql-derived-join.ts';
import { SqlDerivedRequests } from './sql-derived-requests.ts';
import { SqlDerivedSessions } from './sql-derived-sessions.ts';
import { SqlDerivedText } from './sql-derived-text.ts';
import { SqlRequestSearch } from './sql-request-search.ts';
import { SqlStatistics } from './sql-statistics.ts';
import type { Statistics } from './statistics.ts';
import type { TextIndex } from './text-index.ts';

/** Before the derivation that was there: no other one is like it. */
const askedForAnew = 'asked for anew';

/** The port over any SQL engine, one class for each area. */
export class SqlDerivedStore implements DerivedStore {
  readonly requests: DerivedRequests;
  readonly statistics: Statistics;
  readonly text: DerivedText;
  readonly details: DerivedDetails;
  readonly files: DerivedFiles;
  readonly sessions: DerivedSessions;
  readonly conversations: DerivedConversations;
  readonly join: DerivedJoin;
  readonly find: RequestSearch;
  readonly #engine: SqlEngine<DerivedTables>;

  constructor(engine: SqlEngine<DerivedTables>, textIndex: TextIndex) {
    const names = new NameTable();
    this.#engine = engine;
    this.conversations = createDerivedConversations(engine);
    this.join = createDerivedJoin(engine);
    this.requests = new SqlDerivedRequests(engine, names);
    this.statistics = new SqlStatistics(engine, new NameReader(engine), textIndex);
    this.details = createDerivedDetails(engine, names);
    this.find = new SqlRequestSearch(engine, textIndex);
    this.files = new SqlDerivedFiles(engine, new NameReader(engine));
    this.sessions = new SqlDerivedSessions(engine, new NameReader(engine));
    this.text = new SqlDerivedText(engine, names, textIndex);
  }

  position(step: DerivingStep): Promise<number> {
    return positionOf(this.#engine, step);
  }

  positions(): Promise<Readonly<Partial<Record<DerivingStep, number>>>> {
    return allPositions(this.#engine);
  }

  async derivation(): Promise<string | undefined> {
    const [row] = await this.#engine.all<{ value: string }>(
      "SELECT value FROM marks WHERE name = 'derivation'",
      [],
    );
    return row?.value;
  }

  async beginDerivation(derivation: string): Promise<void> {
    await this.#engine.run(
      "INSERT INTO marks (name, value) VALUES ('derivation', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      [derivation],
    );
  }

  async askForRebuild(): Promise<void> {
    const derivation = (await this.derivation()) ?? '';
    if (!derivation.startsWith(askedForAnew)) await this.beginDerivation(`${askedForAnew}: ${derivation}`);
  }

  async isRebuildAskedFor(): Promise<boolean> {
    return (await this.derivation())?.startsWith(askedForAnew) ?? false;
  }

  async health(): Promise<DerivedHealth> {
    return {
      requests: await this.requests.count(),
      through: await this.position('requests'),
      bytes: await this.#engine.sizeBytes(),
    };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
