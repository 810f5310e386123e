import type { SqlEngine, SqlValue } from '../sql-engine.ts';
import { conditionOf } from './compile-query.ts';
import type { DerivedTables, LatencyRow, MeasureColumns } from './derived-tables.ts';
import { lookUpNames } from './look-up-names.ts';
import { lookUpWords } from './look-up-words.ts';
import {
  emptySketches,
  type LatencyKind,
  type LatencySketches,
  type LatencyValues,
  latencyColumns,
  latencyKinds,
  toolCounts,
} from './maintain-statistics.ts';
import {
  type Dimension,
  dimensionColumns,
  type Measure,
  measureColumns,
  measureNames,
  measuresOf,
} from './measures.ts';
import type { NameReader } from './name-reader.ts';
import { queryTimeMs } from './query-time.ts';
import { outcomeClasses, quarterMs } from './request-row.ts';
import { latencyLevels, levelsFor, toolLevels } from './rollup-levels.ts';
import type {
  AgentSums,
  Among,
  DimensionKey,
  Latencies,
  LatenciesQuery,
  Measures,
  Quantiles,
  SessionSums,
  SessionsQuery,
  Statistics,
  StatisticsFilter,
  StatisticsRange,
  Sums,
  SumsQuery,
  ToolCounts,
  ToolsQuery,
} from './statistics.ts';
import { planRange, type RangePlan, type Span } from './statistics-range.ts';
import type { TextIndex } from './text-index.ts';

type KeyRow = Record<string, number>;

export class SqlStatistics implements Statistics {
  readonly #engine: SqlEngine<DerivedTables>;
  readonly #names: NameReader;
  readonly #index: TextIndex;

  constructor(engine: SqlEngine<DerivedTables>, names: NameReader, index: TextIndex) {
    this.#engine = engine;
    this.#names = names;
    this.#index = index;
  }

  async recorded(): Promise<{ readonly fromMs: number; readonly toMs: number } | undefined> {
    const [row] = await this.#engine.all<{ first: number | null; last: number | null }>(
      'SELECT (SELECT min(quarter) FROM rollups) AS first, (SELECT max(quarter) FROM rollups) AS last',
      [],
    );
    if (row === undefined || row.first === null || row.last === null) return undefined;
    return { fromMs: row.first * quarterMs, toMs: (row.last + 1) * quarterMs };
  }

  async sums(query: SumsQuery): Promise<Sums[]> {
    const filter = await this.#filter(query.where);
    if (filter === undefined) return [];
    const byTool = query.by.includes('tool');
    const keys = query.by.map((dimension) =>
      dimension === 'tool' ? toolsColumn : dimensionColumns[dimension],
    );
    const columns = [...keys, ...filter.columns];
    const chosen = await this.#chosen(query);
    const isOneByOne = byTool || query.among !== undefined;
    const plan = planRange(query, isOneByOne ? [] : levelsFor(columns), query.periods);
    const selected = [...keys, ...measureNames].map((name) => `r.${name}`).join(', ');
    const requests = byTool ? measuresWithTools : 'request_measures';
    // It names a column of `r`: SQLite would ask it once for each span otherwise.
    const inTime = isOneByOne ? ' AND (r.received_at_ms < 0 OR within_time())' : '';
    const parts = partsOf(plan, { requests }, `${filter.condition}${chosen.condition}${inTime}`);
    if (parts.length === 0) return [];
    const sources = parts.map(({ from }) => `SELECT s.period, ${selected} ${from}`);
    const rows = await this.#engine.limited(queryTimeMs).all<KeyRow & MeasureColumns & { period: number }>(
      `SELECT ${['period', ...keys, ...measureNames.map((name) => `sum(${name}) AS ${name}`)].join(', ')}
      FROM (${sources.join(' UNION ALL ')}) GROUP BY ${['period', ...keys].join(', ')}`,
      parts.flatMap(({ spans }) => [spans, ...filter.parameters, ...chosen.parameters]),
    );
    const all: Sums[] = [];
    for (const row of rows) {
      const period = query.periods === undefined ? {} : { period: row.period };
      const key = { ...period, ...(await this.#key(row, query.by)) };
      const tools = byTool ? await this.#toolsIn(row[toolsColumn]) : [undefined];
      for (const tool of tools) all.push({ key: byTool ? { ...key, tool } : key, ...measuresOf(row) });
    }
    return byTool ? addEqual(all) : all;
  }

  /** Rows `r` of requests that fit the query; a condition to go on with. */
  async #chosen({ fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, among }: ChosenRange): Promise<Chosen> {
    if (among === undefined) return { condition: '', parameters: [] };
    const { query } = among;
    const deadlineMs = performance.now() + queryTimeMs;
    const words = await lookUpWords(this.#engine, this.#index, { query, deadlineMs });
    const numbers = await lookUpNames(this.#engine, query);
    const { sql, parameters } = conditionOf(query, { ...among, numbers, words });
    return {
      condition: ` AND r.sequence IN (SELECT r.sequence FROM requests r
        WHERE r.received_at_ms >= ? AND r.received_at_ms < ? AND within_time() AND ${sql})`,
      parameters: [fromMs, toMs, ...parameters],
    };
  }

  /** Different tools of a list; one that is unknown stands for a request without any. */
  async #toolsIn(list: number | null | undefined): Promise<(string | undefined)[]> {
    if (list == null) return [undefined];
    const [row] = await this.#engine.all<{ names: string }>('SELECT names FROM name_lists WHERE id = ?', [
      list,
    ]);
    // Written by us, as an array of numbers.
    const ids = new Set(JSON.parse(row?.names ?? '[]') as number[]);
    const tools: (string | undefined)[] = [];
    for (const id of ids) tools.push(await this.#names.textOf(id));
    return tools;
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
    const chosen = await this.#chosen(query);
    const able = query.by.includes('quarter') ? latencyLevels.slice(-1) : latencyLevels;
    const plan = planRange(query, query.among === undefined ? able : []);
    const requests = `(SELECT sequence, received_at_ms, ${latencyColumns} FROM requests)`;
    const condition = `${filter.condition}${chosen.condition}`;
    for (const { kind, from, spans } of partsOf(plan, { requests }, condition)) {
      if (kind === 'sums') {
        const rows = await this.#engine.all<LatencyRow>(`SELECT r.* ${from}`, [spans, ...filter.parameters]);
        for (const row of rows) {
          const sketches = groupOf(row);
          for (const each of latencyKinds) sketches[each].addEncoded(row[each]);
        }
        continue;
      }
      const rows = await this.#engine
        .limited(queryTimeMs)
        .all<LatencyValues>(`SELECT r.* ${from}`, [spans, ...filter.parameters, ...chosen.parameters]);
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
    const chosen = await this.#chosen(query);
    const able = query.byQuarter === true ? toolLevels.slice(-1) : toolLevels;
    const plan = planRange(query, query.among === undefined ? able : []);
    const sources: string[] = [];
    const parameters: SqlValue[] = [];
    for (const { level, spans } of plan.sums) {
      sources.push(`SELECT r.* FROM ${spanRows} CROSS JOIN ${level.table} r ON ${isWithin('quarter')}`);
      parameters.push(JSON.stringify(spans));
    }
    if (plan.requests.length > 0) {
      const condition = `(${plan.requests.map(() => 'received_at_ms >= ? AND received_at_ms < ?').join(' OR ')})`;
      const ends = plan.requests.flatMap((span) => span.slice(0, 2));
      sources.push(toolCounts(`${condition}${chosen.condition.replace('r.sequence', 'sequence')}`));
      parameters.push(...ends, ...chosen.parameters, ...ends, ...chosen.parameters);
    }
    if (sources.length === 0) return [];
    const keys = query.byQuarter === true ? 'quarter, tool' : 'tool';
    const rows = await this.#engine.limited(queryTimeMs).all<{
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
  async #filter(where: StatisticsFilter = {}): Promise<Filter | undefined> {
    const columns: string[] = [];
    const parameters: SqlValue[] = [];
    for (const [dimension, text] of Object.entries(where)) {
      if (text === undefined) continue;
      const id = await this.#names.idOf(text);
      if (id === undefined) return undefined;
      // The names of the type are the names of the table.
      columns.push(dimensionColumns[dimension as Dimension]);
      parameters.push(id);
    }
    return { columns, condition: columns.map((column) => ` AND r.${column} = ?`).join(''), parameters };
  }

  async #key(row: KeyRow, by: SumsQuery['by']): Promise<DimensionKey> {
    const key: Record<string, unknown> = {};
    for (const dimension of by) {
      if (dimension === 'tool') continue;
      const value = row[dimensionColumns[dimension]]!;
      if (dimension === 'quarter') key.quarter = value;
      else if (dimension === 'outcomeClass') key.outcomeClass = outcomeClasses[value];
      else key[dimension] = await this.#names.textOf(value);
    }
    return key;
  }
}

interface Filter {
  readonly columns: readonly string[];
  /** About a row `r`. */
  readonly condition: string;
  readonly parameters: readonly SqlValue[];
}

type ChosenRange = StatisticsRange & { readonly among?: Among | undefined };

interface Chosen {
  readonly condition: string;
  readonly parameters: readonly SqlValue[];
}

const toolsColumn = 'tools_called';
const measuresWithTools =
  '(SELECT m.*, t.tools_called FROM request_measures m JOIN requests t ON t.sequence = m.sequence)';

/** One row for each key. */
function addEqual(rows: readonly Sums[]): Sums[] {
  const sums = new Map<string, Sums>();
  for (const row of rows) {
    const name = JSON.stringify(Object.entries(row.key).sort());
    const known = sums.get(name);
    sums.set(name, known === undefined ? row : { key: row.key, ...added(known, row) });
  }
  return [...sums.values()];
}

function added(one: Measures, other: Measures): Measures {
  const names = Object.keys(measureColumns) as Measure[];
  // Every measure is in the table of columns.
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as unknown as Measures;
}

interface Part {
  readonly kind: 'sums' | 'requests';
  /** Rows `r` in spans `s`. */
  readonly from: string;
  /** Parameter of the spans. */
  readonly spans: string;
}

/** Spans first: each is looked up by time. */
const spanRows = `(SELECT value ->> 0 AS first, value ->> 1 AS last, value ->> 2 AS period FROM json_each(?)) s`;
const isWithin = (column: 'quarter' | 'received_at_ms') => `r.${column} >= s.first AND r.${column} < s.last`;

/** Whole days, hours and quarter hours come from what is summed, the rest of the range from the requests themselves. */
function partsOf(
  { sums, requests }: RangePlan<{ readonly table: string }>,
  tables: { readonly requests: string },
  condition: string,
): Part[] {
  const part = (
    kind: Part['kind'],
    table: string,
    column: 'quarter' | 'received_at_ms',
    spans: readonly Span[],
  ) => ({
    kind,
    from: `FROM ${spanRows} CROSS JOIN ${table} r ON ${isWithin(column)}${condition}`,
    spans: JSON.stringify(spans),
  });
  const parts = sums.map(({ level, spans }) => part('sums', level.table, 'quarter', spans));
  if (requests.length > 0) parts.push(part('requests', tables.requests, 'received_at_ms', requests));
  return parts;
}

function latencyKey(dimension: LatenciesQuery['by'][number]) {
  return dimensionColumns[dimension];
}

function quantilesOf(sketches: LatencySketches, kind: LatencyKind, shares: readonly number[]): Quantiles {
  const { count } = sketches[kind];
  return { count, values: count === 0 ? [] : shares.map((share) => sketches[kind].quantile(share)!) };
}
