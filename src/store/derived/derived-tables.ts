import type { Generated } from 'kysely';

/**
 * The rows of the derived database. Names (models, sessions, tools …) are ids of `names`; times keep the units of
 * `Exchange`; what is unknown is NULL, never zero.
 */
export interface DerivedTables {
  names: NameRow;
  positions: PositionRow;
  marks: MarkRow;
  name_lists: NameListRow;
  requests: RequestRow;
  /** A view: each request in the columns of a sum. */
  request_measures: RequestMeasuresRow;
  rollups: RollupRow;
  sessions: SessionRow;
  agents: AgentRow;
  tool_rollups: ToolRollupRow;
  latencies: LatencyRow;
}

export interface NameRow {
  id: Generated<number>;
  text: string;
}

/** How far each step of deriving has come, in a number that only the step itself understands. */
interface PositionRow {
  step: string;
  position: number;
}

/** Sentences about the whole file: what it was derived from, and how. */
interface MarkRow {
  name: string;
  value: string;
}

/** Lists of tools: the same for a whole session, so each is stored once. */
interface NameListRow {
  id: Generated<number>;
  /** JSON array of ids of `names`, in order. */
  names: string;
}

/** One exchange, as narrow as statistics and filters allow. */
export interface RequestRow {
  /** As in the store of facts. */
  sequence: number;
  /** 16 bytes. */
  id: Uint8Array;
  received_at_ms: number;
  /** Number of the UTC quarter hour: `received_at_ms` divided by 900,000. */
  quarter: number;
  method: number;
  path: number;
  tag: number | null;
  provider: number | null;
  asked_model: number | null;
  routed_model: number | null;
  answered_model: number | null;
  is_streaming: number;
  session: number | null;
  agent: number | null;
  parent_agent: number | null;
  agent_name: number | null;
  request_class: number | null;
  client_version: number | null;
  status: number | null;
  outcome: number;
  /** See `outcomeClasses`. */
  outcome_class: number;
  stop_reason: number | null;
  error_type: number | null;
  problem: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  thinking_tokens: number | null;
  server_tool_requests: number | null;
  /** Billionths of a US dollar; NULL when the price or the tokens are unknown. */
  cost_nanos: number | null;
  first_byte_us: number | null;
  first_token_us: number | null;
  last_byte_us: number | null;
  added_us: number | null;
  /** Output tokens in each second between the first token and the last byte. */
  output_tokens_per_s: number | null;
  request_bytes: number;
  response_bytes: number;
  /** `name_lists.id`; NULL for none. */
  tools_declared: number | null;
  /** `name_lists.id`; NULL for none. A tool that was called twice stands twice in it. */
  tools_called: number | null;
}

/** What is summed. Counts of requests, tokens, bytes, billionths of a dollar and microseconds. */
export interface MeasureColumns {
  requests: number;
  /** An error status, or an answer that did not come whole; hanging up is none. */
  errors: number;
  streamed: number;
  /** Requests whose tokens are known. */
  with_usage: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  thinking_tokens: number;
  /** Requests that read something from the cache. */
  cache_hits: number;
  cost_nanos: number;
  /** Requests with tokens whose price is unknown. */
  cost_unknown: number;
  total_us: number;
  /** Requests of which that time is known. */
  total_count: number;
  first_byte_us: number;
  first_byte_count: number;
  first_token_us: number;
  first_token_count: number;
  request_bytes: number;
  response_bytes: number;
}

/** Ids of `names`; 0 for unknown, so that it is a key like any other. */
export interface RollupKey {
  quarter: number;
  session: number;
  agent_name: number;
  provider: number;
  asked_model: number;
  routed_model: number;
  answered_model: number;
  client_version: number;
  outcome_class: number;
}

interface RollupRow extends RollupKey, MeasureColumns {}

interface RequestMeasuresRow extends RollupKey, MeasureColumns {
  sequence: number;
  received_at_ms: number;
  agent: number;
  parent_agent: number | null;
}

interface SessionRow extends MeasureColumns {
  session: number;
  first_at_ms: number;
  last_at_ms: number;
}

/** `agent` 0 is the main one. */
interface AgentRow extends MeasureColumns {
  session: number;
  agent: number;
  parent_agent: number | null;
  agent_name: number;
  first_at_ms: number;
  last_at_ms: number;
}

interface ToolRollupRow {
  quarter: number;
  tool: number;
  /** Requests that offered it. */
  declared: number;
  /** Calls in answers. */
  called: number;
  /** Requests whose answer called it. */
  called_in: number;
}

/** Sketches of one quarter hour, see `latency-sketch.ts`. */
export interface LatencyRow {
  quarter: number;
  provider: number;
  asked_model: number;
  answered_model: number;
  total: Uint8Array;
  first_byte: Uint8Array;
  first_token: Uint8Array;
  output_speed: Uint8Array;
}
