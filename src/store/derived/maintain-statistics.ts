import type { SqlSession } from '../sql-engine.ts';
import type { LatencyRow } from './derived-tables.ts';
import { LatencySketch } from './latency-sketch.ts';
import { dimensionNames, measureNames } from './measures.ts';

/** Rows of `requests` by their sequences: `after < sequence <= through`. */
export interface SequenceRange {
  readonly after: number;
  readonly through: number;
}

const inRange = 'sequence > ? AND sequence <= ?';
const sums = measureNames.map((name) => `sum(${name}) AS ${name}`).join(', ');
const added = (table: string) =>
  measureNames.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ');

const keys = dimensionNames.join(', ');
const addRollups = `
INSERT INTO rollups (${keys}, ${measureNames.join(', ')})
SELECT ${keys}, ${sums} FROM request_measures WHERE ${inRange} GROUP BY ${keys}
ON CONFLICT (${keys}) DO UPDATE SET ${added('rollups')}`;

const times =
  'first_at_ms = min(first_at_ms, excluded.first_at_ms), last_at_ms = max(last_at_ms, excluded.last_at_ms)';
const addSessions = `
INSERT INTO sessions (session, first_at_ms, last_at_ms, ${measureNames.join(', ')})
SELECT session, min(received_at_ms), max(received_at_ms), ${sums} FROM request_measures
WHERE ${inRange} AND session <> 0 GROUP BY session
ON CONFLICT (session) DO UPDATE SET ${times}, ${added('sessions')}`;
const addAgents = `
INSERT INTO agents (session, agent, parent_agent, agent_name, first_at_ms, last_at_ms, ${measureNames.join(', ')})
SELECT session, agent, max(parent_agent), max(agent_name), min(received_at_ms), max(received_at_ms), ${sums}
FROM request_measures WHERE ${inRange} AND session <> 0 GROUP BY session, agent
ON CONFLICT (session, agent) DO UPDATE SET
  parent_agent = coalesce(excluded.parent_agent, parent_agent),
  agent_name = max(excluded.agent_name, agent_name),
  ${times}, ${added('agents')}`;

/** Lists are few and requests are many: the requests of a list are counted before it is taken apart. */
export const toolCounts = (condition: string) => `
SELECT quarter, tool.value AS tool, sum(declared) AS declared, sum(called) AS called FROM (
  SELECT quarter, tools_declared AS list, count(*) AS declared, 0 AS called FROM requests
  WHERE ${condition} AND tools_declared IS NOT NULL GROUP BY quarter, tools_declared
  UNION ALL
  SELECT quarter, tools_called, 0, count(*) FROM requests
  WHERE ${condition} AND tools_called IS NOT NULL GROUP BY quarter, tools_called
) AS lists JOIN name_lists ON name_lists.id = lists.list JOIN json_each(name_lists.names) AS tool
WHERE true GROUP BY quarter, tool.value`;
const addTools = `
INSERT INTO tool_rollups (quarter, tool, declared, called) ${toolCounts(inRange)}
ON CONFLICT (quarter, tool) DO UPDATE SET
  declared = tool_rollups.declared + excluded.declared, called = tool_rollups.called + excluded.called`;

/** Adds rows that `requests` has since this transaction to everything that is summed. Once for each row. */
export async function addToStatistics(session: SqlSession, { after, through }: SequenceRange): Promise<void> {
  for (const statement of [addRollups, addSessions, addAgents])
    await session.run(statement, [after, through]);
  await session.run(addTools, [after, through, after, through]);
  await addLatencies(session, { after, through });
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

async function addLatencies(session: SqlSession, { after, through }: SequenceRange): Promise<void> {
  const rows = await session.all<LatencyValues>(`SELECT ${latencyColumns} FROM requests WHERE ${inRange}`, [
    after,
    through,
  ]);
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
