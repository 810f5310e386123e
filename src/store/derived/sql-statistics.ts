import type { SqlEngine, SqlValue } from '../sql-engine.ts';
import type { DerivedTables, LatencyRow, MeasureColumns } from './derived-tables.ts';
import {
  emptySketches,
  type LatencyKind,
  type LatencySketches,
  type LatencyValues,
  latencyColumns,
  latencyKinds,
  toolCounts,
} from './maintain-statistics.ts';
import { type Dimension, dimensionColumns, measureNames, measuresOf } from './measures.ts';
import type { NameReader } from './name-reader.ts';
import { outcomeClasses } from './request-row.ts';
import type {
  AgentSums,
  DimensionKey,
  Latencies,
  LatenciesQuery,
  Quantiles,
  SessionSums,
  SessionsQuery,
  Statistics,
  StatisticsFilter,
  Sums,
  SumsQuery,
  ToolCounts,
  ToolsQuery,
} from './statistics.ts';
import { planRange, type RangePlan } from './statistics-range.ts';

type KeyRow = Record<string, number>;

export class SqlStatistics implements Statistics {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameReader;

  constructor(engine: SqlEngine<DerivedTables>, names: NameReader) {
    this.#engine = engine;
    this.#names = names;
  }

  async sums(query: SumsQuery): Promise<Sums[]> {
    const filter = await this.#filter(query.where);
    if (filter === undefined) return [];
    const keys = query.by.map((dimension) => dimensionColumns[dimension]);
    const columns = [...keys, ...measureNames].join(', ');
    const parts = partsOf(planRange(query), { sums: 'rollups', requests: 'request_measures' }, filter);
    const sources = parts.map(({ table, condition }) => `SELECT ${columns} FROM ${table} WHERE ${condition}`);
    const rows = await this.#engine.all<KeyRow & MeasureColumns>(
      `SELECT ${[...keys, ...measureNames.map((name) => `sum(${name}) AS ${name}`)].join(', ')}
      FROM (${sources.join(' UNION ALL ')})${keys.length === 0 ? ' HAVING count(*) > 0' : ` GROUP BY ${keys.join(', ')}`}`,
      parts.flatMap(({ parameters }) => parameters),
    );
    const all: Sums[] = [];
    for (const row of rows) all.push({ key: await this.#key(row, query.by), ...measuresOf(row) });
    return all;
  }

  async latencies(query: LatenciesQuery): Promise<Latencies[]> {
    const filter = await this.#filter(query.where);
    if (filter === undefined) return [];
    const groups = new Map<string, { row: KeyRow; sketches: LatencySketches }>();
    const groupOf = (row: Omit<LatencyRow, LatencyKind>): LatencySketches => {
      const key: KeyRow = {};
      // Both kinds of rows have these columns among their keys.
      for (const dimension of query.by) key[dimensionColumns[dimension]] = row[latencyKey(dimension)];
      const name = Object.values(key).join(' ');
      const group = groups.get(name) ?? { row: key, sketches: emptySketches() };
      groups.set(name, group);
      return group.sketches;
    };
    const tables = {
      sums: 'latencies',
      requests: `(SELECT sequence, received_at_ms, ${latencyColumns} FROM requests)`,
    };
    for (const { kind, table, condition, parameters } of partsOf(planRange(query), tables, filter)) {
      if (kind === 'sums') {
        const rows = await this.#engine.all<LatencyRow>(
          `SELECT * FROM ${table} WHERE ${condition}`,
          parameters,
        );
        for (const row of rows) {
          const sketches = groupOf(row);
          for (const each of latencyKinds) sketches[each].addEncoded(row[each]);
        }
        continue;
      }
      const rows = await this.#engine.all<LatencyValues>(
        `SELECT * FROM ${table} WHERE ${condition}`,
        parameters,
      );
      for (const row of rows) {
        const sketches = groupOf(row);
        for (const each of latencyKinds) if (row[each] !== null) sketches[each].add(row[each]);
      }
    }
    const all: Latencies[] = [];
    for (const { row, sketches } of groups.values()) {
      const quantiles = (kind: LatencyKind) => quantilesOf(sketches, kind, query.quantiles);
      all.push({
        key: await this.#key(row, query.by),
        total: quantiles('total'),
        firstByte: quantiles('first_byte'),
        firstToken: quantiles('first_token'),
        outputSpeed: quantiles('output_speed'),
      });
    }
    return all;
  }

  async tools(query: ToolsQuery): Promise<ToolCounts[]> {
    const plan = planRange(query);
    const sources = [
      `SELECT quarter, tool, declared, called, called_in FROM tool_rollups WHERE ${plan.sums.condition}`,
    ];
    const parameters: SqlValue[] = [...plan.sums.parameters];
    if (plan.requests !== undefined) {
      sources.push(toolCounts(plan.requests.condition));
      parameters.push(...plan.requests.parameters, ...plan.requests.parameters);
    }
    const keys = query.byQuarter === true ? 'quarter, tool' : 'tool';
    const rows = await this.#engine.all<{
      quarter?: number;
      tool: number;
      declared: number;
      called: number;
      calledIn: number;
    }>(
      `SELECT ${keys}, sum(declared) AS declared, sum(called) AS called, sum(called_in) AS "calledIn"
      FROM (${sources.join(' UNION ALL ')}) GROUP BY ${keys}`,
      parameters,
    );
    const all: ToolCounts[] = [];
    for (const { tool, ...counts } of rows)
      all.push({ ...counts, tool: (await this.#names.textOf(tool)) ?? '' });
    return all;
  }

  async sessions({ fromMs, toMs, limit }: SessionsQuery): Promise<SessionSums[]> {
    const rows = await this.#engine.all<
      MeasureColumns & { session: number; first_at_ms: number; last_at_ms: number }
    >(
      'SELECT * FROM sessions WHERE last_at_ms >= ? AND first_at_ms < ? ORDER BY last_at_ms DESC, session DESC LIMIT ?',
      [fromMs ?? 0, toMs ?? Number.MAX_SAFE_INTEGER, limit],
    );
    const all: SessionSums[] = [];
    for (const row of rows) {
      all.push({
        sessionId: (await this.#names.textOf(row.session)) ?? '',
        firstAtMs: row.first_at_ms,
        lastAtMs: row.last_at_ms,
        ...measuresOf(row),
      });
    }
    return all;
  }

  async agents(sessionId: string): Promise<AgentSums[]> {
    const session = await this.#names.idOf(sessionId);
    if (session === undefined) return [];
    const rows = await this.#engine.all<
      MeasureColumns & {
        agent: number;
        parent_agent: number | null;
        agent_name: number;
        first_at_ms: number;
        last_at_ms: number;
      }
    >('SELECT * FROM agents WHERE session = ? ORDER BY first_at_ms, agent', [session]);
    const all: AgentSums[] = [];
    for (const row of rows) {
      all.push({
        agentId: await this.#names.textOf(row.agent),
        parentAgentId: await this.#names.textOf(row.parent_agent),
        agentName: await this.#names.textOf(row.agent_name),
        firstAtMs: row.first_at_ms,
        lastAtMs: row.last_at_ms,
        ...measuresOf(row),
      });
    }
    return all;
  }

  /** undefined when a name never occurred, so that nothing can match. */
  async #filter(where: StatisticsFilter = {}): Promise<Condition | undefined> {
    const conditions: string[] = [];
    const parameters: SqlValue[] = [];
    for (const [dimension, text] of Object.entries(where)) {
      if (text === undefined) continue;
      const id = await this.#names.idOf(text);
      if (id === undefined) return undefined;
      // The names of the type are the names of the table.
      conditions.push(` AND ${dimensionColumns[dimension as Dimension]} = ?`);
      parameters.push(id);
    }
    return { condition: conditions.join(''), parameters };
  }

  async #key(row: KeyRow, by: readonly Dimension[]): Promise<DimensionKey> {
    const key: Record<string, unknown> = {};
    for (const dimension of by) {
      const value = row[dimensionColumns[dimension]]!;
      if (dimension === 'quarter') key.quarter = value;
      else if (dimension === 'outcomeClass') key.outcomeClass = outcomeClasses[value];
      else key[dimension] = await this.#names.textOf(value);
    }
    return key;
  }
}

interface Condition {
  readonly condition: string;
  readonly parameters: readonly SqlValue[];
}

interface Part extends Condition {
  readonly kind: 'sums' | 'requests';
  readonly table: string;
}

/** Whole quarter hours come from what is summed, the rest of the range from the requests themselves. */
function partsOf(
  { sums, requests }: RangePlan,
  tables: Readonly<Record<'sums' | 'requests', string>>,
  filter: Condition,
): Part[] {
  const part = (kind: Part['kind'], { condition, parameters }: Condition): Part => ({
    kind,
    table: tables[kind],
    condition: `(${condition})${filter.condition}`,
    parameters: [...parameters, ...filter.parameters],
  });
  return requests === undefined ? [part('sums', sums)] : [part('sums', sums), part('requests', requests)];
}

function latencyKey(dimension: LatenciesQuery['by'][number]) {
  return dimensionColumns[dimension];
}

function quantilesOf(sketches: LatencySketches, kind: LatencyKind, shares: readonly number[]): Quantiles {
  const { count } = sketches[kind];
  return { count, values: count === 0 ? [] : shares.map((share) => sketches[kind].quantile(share)!) };
}
