import type { SqlSession } from '../sql-engine.ts';
import type { LatencyRow } from './derived-tables.ts';
import { LatencySketch } from './latency-sketch.ts';
import { dimensionNames, measureNames } from './measures.ts';
import { quarterMs } from './request-row.ts';

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

const keys = dimensionNames.join(', ');
const addRollups = (rows: string) => `
INSERT INTO rollups (${keys}, ${measureNames.join(', ')})
SELECT ${keys}, ${sums} FROM request_measures WHERE ${rows} GROUP BY ${keys}
ON CONFLICT (${keys}) DO UPDATE SET ${added('rollups')}`;

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
const addTools = (rows: string) => `
INSERT INTO tool_rollups (quarter, tool, declared, called, called_in) ${toolCounts(rows)}
ON CONFLICT (quarter, tool) DO UPDATE SET
  declared = tool_rollups.declared + excluded.declared, called = tool_rollups.called + excluded.called,
  called_in = tool_rollups.called_in + excluded.called_in`;

/** Adds rows that `requests` has since this transaction to everything that is summed. Once for each row. */
export async function addToStatistics(session: SqlSession, { after, through }: SequenceRange): Promise<void> {
  const rows = { condition: 'sequence > ? AND sequence <= ?', values: [after, through] };
  await addByTime(session, rows);
  await addBySession(session, rows);
}

/** Computes the sums of a quarter hour anew. */
export async function recountQuarter(session: SqlSession, quarter: number): Promise<void> {
  for (const table of ['rollups', 'tool_rollups', 'latencies'])
    await session.run(`DELETE FROM ${table} WHERE quarter = ?`, [quarter]);
  await addByTime(session, {
    condition: 'received_at_ms >= ? AND received_at_ms < ?',
    values: [quarter * quarterMs, (quarter + 1) * quarterMs],
  });
}

/** Computes the sums of a session and its agents anew. */
export async function recountSession(session: SqlSession, id: number): Promise<void> {
  for (const table of ['sessions', 'agents'])
    await session.run(`DELETE FROM ${table} WHERE session = ?`, [id]);
  // The column of the view is computed; that of the table has an index.
  const condition = 'sequence IN (SELECT sequence FROM requests WHERE session = ?)';
  await addBySession(session, { condition, values: [id] });
}

async function addByTime(session: SqlSession, rows: Rows): Promise<void> {
  await session.run(addRollups(rows.condition), rows.values);
  await session.run(addTools(rows.condition), [...rows.values, ...rows.values]);
  await addLatencies(session, rows);
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

async function addLatencies(session: SqlSession, { condition, values }: Rows): Promise<void> {
  const rows = await session.all<LatencyValues>(
    `SELECT ${latencyColumns} FROM requests WHERE ${condition}`,
    values,
  );
  const groups = new Map<string, { key: number[]; sketches: LatencySketches }>();
  for (const row of rows) {
    const key = [row.quarter, row.provider, row.asked_model, row.answered_model];
    const name = key.join(' ');
    const group = groups.get(name) ?? { key, sketches: await storedSketches(session, key) };
    groups.set(name, group);
    for (const kind of latencyKinds) {
      const value = row[kind];
      if (value !== null) group.sketches[kind].add(value);
    }
  }
  for (const { key, sketches } of groups.values()) {
    await session.run(
      `INSERT OR REPLACE INTO latencies (quarter, provider, asked_model, answered_model, ${latencyKinds.join(', ')})
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [...key, ...latencyKinds.map((kind) => sketches[kind].encode())],
    );
  }
}

async function storedSketches(session: SqlSession, key: readonly number[]): Promise<LatencySketches> {
  const sketches = emptySketches();
  const [row] = await session.all<Pick<LatencyRow, LatencyKind>>(
    `SELECT ${latencyKinds.join(', ')} FROM latencies
    WHERE quarter = ? AND provider = ? AND asked_model = ? AND answered_model = ?`,
    key,
  );
  if (row !== undefined) for (const kind of latencyKinds) sketches[kind].addEncoded(row[kind]);
  return sketches;
}
