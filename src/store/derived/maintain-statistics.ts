import type { SqlSession } from '../sql-engine.ts';
import type { LatencyRow } from './derived-tables.ts';
import { LatencySketch } from './latency-sketch.ts';
import { measureNames } from './measures.ts';
import { quarterMs } from './request-row.ts';
import { latencyLevels, type RollupLevel, rollupLevels, toolLevels } from './rollup-levels.ts';

/** Rows of `requests` by their sequences: `after < sequence <= through`. */
export interface SequenceRange {
  readonly after: number;
  readonly through: number;
}

/** Which rows of `requests` are summed: a condition with its values. */
interface Rows {
  readonly condition: string;
  readonly values: readonly number[];
}

const sums = measureNames.map((name) => `sum(${name}) AS ${name}`).join(', ');
const added = (table: string) =>
  measureNames.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ');

const addRollups = ({ table, quarters, columns }: RollupLevel, from: string, rows: string) => {
  const keys = ['quarter', ...columns].join(', ');
  return `
INSERT INTO ${table} (${keys}, ${measureNames.join(', ')})
SELECT ${unitOf(quarters)} AS quarter, ${columns.join(', ')}, ${sums} FROM ${from} WHERE ${rows}
GROUP BY 1, ${columns.join(', ')}
ON CONFLICT (${keys}) DO UPDATE SET ${added(table)}`;
};
/** The first quarter hour of a longer time. */
const unitOf = (quarters: number) => (quarters === 1 ? 'quarter' : `quarter - quarter % ${quarters}`);

const times =
  'first_at_ms = min(first_at_ms, excluded.first_at_ms), last_at_ms = max(last_at_ms, excluded.last_at_ms)';
const addSessions = (rows: string) => `
INSERT INTO sessions (session, first_at_ms, last_at_ms, ${measureNames.join(', ')})
SELECT session, min(received_at_ms), max(received_at_ms), ${sums} FROM request_measures
WHERE ${rows} AND session <> 0 GROUP BY session
ON CONFLICT (session) DO UPDATE SET ${times}, ${added('sessions')}`;
const addAgents = (rows: string) => `
INSERT INTO agents (session, agent, parent_agent, agent_name, first_at_ms, last_at_ms, ${measureNames.join(', ')})
SELECT session, agent, max(parent_agent), max(agent_name), min(received_at_ms), max(received_at_ms), ${sums}
FROM request_measures WHERE ${rows} AND session <> 0 GROUP BY session, agent
ON CONFLICT (session, agent) DO UPDATE SET
  parent_agent = coalesce(excluded.parent_agent, parent_agent),
  agent_name = max(excluded.agent_name, agent_name),
  ${times}, ${added('agents')}`;

/** Requests of each list of tools: lists are few and requests are many, so that lists are taken apart last. */
const requestsByList = (column: string, condition: string) => `
  (SELECT quarter, ${column} AS list, count(*) AS requests FROM requests
  WHERE ${condition} AND ${column} IS NOT NULL GROUP BY quarter, ${column}) AS lists
  JOIN name_lists ON name_lists.id = lists.list JOIN json_each(name_lists.names) AS tool`;

/** The parameters of the condition are needed twice. */
export const toolCounts = (condition: string) => `
SELECT quarter, tool, sum(declared) AS declared, sum(called) AS called, sum(called_in) AS called_in FROM (
  SELECT quarter, tool.value AS tool, requests AS declared, 0 AS called, 0 AS called_in
  FROM ${requestsByList('tools_declared', condition)}
  UNION ALL
  SELECT quarter, tool.value, 0, requests * count(*), requests
  FROM ${requestsByList('tools_called', condition)} GROUP BY quarter, list, tool.value
) WHERE true GROUP BY quarter, tool`;
const addTools = ({ table, quarters }: (typeof toolLevels)[number], counts: string) => `
INSERT INTO ${table} (quarter, tool, declared, called, called_in)
SELECT ${unitOf(quarters)} AS quarter, tool, sum(declared), sum(called), sum(called_in) FROM (${counts})
WHERE true GROUP BY 1, tool
ON CONFLICT (quarter, tool) DO UPDATE SET
  declared = ${table}.declared + excluded.declared, called = ${table}.called + excluded.called,
  called_in = ${table}.called_in + excluded.called_in`;

/** Adds rows that `requests` has since this transaction to everything that is summed. Once for each row. */
export async function addToStatistics(session: SqlSession, { after, through }: SequenceRange): Promise<void> {
  const rows = { condition: 'sequence > ? AND sequence <= ?', values: [after, through] };
  await addByTime(session, rows);
  await addBySession(session, rows);
}

/** Computes the sums of a quarter hour anew, and those of longer times that it is a part of. */
export async function recountQuarter(session: SqlSession, quarter: number): Promise<void> {
  for (const { table, quarters } of [...rollupLevels, ...toolLevels, ...latencyLevels])
    await session.run(`DELETE FROM ${table} WHERE quarter = ?`, [quarter - (quarter % quarters)]);
  const rows = {
    condition: 'received_at_ms >= ? AND received_at_ms < ?',
    values: [quarter * quarterMs, (quarter + 1) * quarterMs],
  };
  const isOne = ({ quarters }: { readonly quarters: number }) => quarters === 1;
  await addByTime(session, rows, isOne);
  const whole = (quarters: number) => [
    quarter - (quarter % quarters),
    quarter - (quarter % quarters) + quarters,
  ];
  const within = 'quarter >= ? AND quarter < ?';
  for (const level of rollupLevels.filter((each) => !isOne(each)))
    await session.run(addRollups(level, 'rollups', within), whole(level.quarters));
  for (const level of toolLevels.filter((each) => !isOne(each)))
    await session.run(addTools(level, `SELECT * FROM tool_rollups WHERE ${within}`), whole(level.quarters));
  for (const { table, quarters } of latencyLevels.filter((each) => !isOne(each))) {
    const groups = new SketchGroups(session, table, quarters);
    for (const row of await session.all<LatencyRow>(
      `SELECT * FROM latencies WHERE ${within}`,
      whole(quarters),
    ))
      for (const kind of latencyKinds) (await groups.of(row))[kind].addEncoded(row[kind]);
    await groups.store();
  }
}

/** Computes the sums of a session and its agents anew. */
export async function recountSession(session: SqlSession, id: number): Promise<void> {
  for (const table of ['sessions', 'agents'])
    await session.run(`DELETE FROM ${table} WHERE session = ?`, [id]);
  // The column of the view is computed; that of the table has an index.
  const condition = 'sequence IN (SELECT sequence FROM requests WHERE session = ?)';
  await addBySession(session, { condition, values: [id] });
}

async function addByTime(
  session: SqlSession,
  rows: Rows,
  isWanted: (level: { readonly quarters: number }) => boolean = () => true,
): Promise<void> {
  for (const level of rollupLevels.filter(isWanted))
    await session.run(addRollups(level, 'request_measures', rows.condition), rows.values);
  for (const level of toolLevels.filter(isWanted))
    await session.run(addTools(level, toolCounts(rows.condition)), [...rows.values, ...rows.values]);
  const values = await session.all<LatencyValues>(
    `SELECT ${latencyColumns} FROM requests WHERE ${rows.condition}`,
    rows.values,
  );
  for (const { table, quarters } of latencyLevels.filter(isWanted)) {
    const groups = new SketchGroups(session, table, quarters);
    for (const row of values) {
      const sketches = await groups.of(row);
      for (const kind of latencyKinds) if (row[kind] !== null) sketches[kind].add(row[kind]);
    }
    await groups.store();
  }
}

async function addBySession(session: SqlSession, { condition, values }: Rows): Promise<void> {
  for (const statement of [addSessions, addAgents]) await session.run(statement(condition), values);
}

/** What sketches are made of, as columns of `requests` say it. Speeds are thousandths, because sketches begin at 1. */
export const latencyColumns = `quarter, coalesce(provider, 0) AS provider, coalesce(asked_model, 0) AS asked_model,
  coalesce(answered_model, 0) AS answered_model, last_byte_us AS total, first_byte_us AS first_byte,
  first_token_us AS first_token, output_tokens_per_s * 1000 AS output_speed`;

export const latencyKinds = ['total', 'first_byte', 'first_token', 'output_speed'] as const;
export type LatencyKind = (typeof latencyKinds)[number];
export type LatencySketches = Readonly<Record<LatencyKind, LatencySketch>>;
export type LatencyValues = Omit<LatencyRow, LatencyKind> & Record<LatencyKind, number | null>;

export function emptySketches(): LatencySketches {
  return {
    total: new LatencySketch(),
    first_byte: new LatencySketch(),
    first_token: new LatencySketch(),
    output_speed: new LatencySketch(),
  };
}

type SketchKey = Omit<LatencyRow, LatencyKind>;

/** Sketches of one table that grow: what is stored of them, and more. */
class SketchGroups {
  readonly #session: SqlSession;
  readonly #table: string;
  readonly #quarters: number;
  readonly #groups = new Map<
    string,
    { readonly key: readonly number[]; readonly sketches: LatencySketches }
  >();

  constructor(session: SqlSession, table: string, quarters: number) {
    this.#session = session;
    this.#table = table;
    this.#quarters = quarters;
  }

  async of(row: SketchKey): Promise<LatencySketches> {
    const first = row.quarter - (row.quarter % this.#quarters);
    const key = [first, row.provider, row.asked_model, row.answered_model];
    const name = key.join(' ');
    const group = this.#groups.get(name) ?? { key, sketches: await this.#stored(key) };
    this.#groups.set(name, group);
    return group.sketches;
  }

  async store(): Promise<void> {
    for (const { key, sketches } of this.#groups.values()) {
      await this.#session.run(
        `INSERT OR REPLACE INTO ${this.#table} (quarter, provider, asked_model, answered_model, ${latencyKinds.join(', ')})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        [...key, ...latencyKinds.map((kind) => sketches[kind].encode())],
      );
    }
  }

  async #stored(key: readonly number[]): Promise<LatencySketches> {
    const sketches = emptySketches();
    const [row] = await this.#session.all<Pick<LatencyRow, LatencyKind>>(
      `SELECT ${latencyKinds.join(', ')} FROM ${this.#table}
      WHERE quarter = ? AND provider = ? AND asked_model = ? AND answered_model = ?`,
      key,
    );
    if (row !== undefined) for (const kind of latencyKinds) sketches[kind].addEncoded(row[kind]);
    return sketches;
  }
}
