import type { Generated } from 'kysely';

/**
 * The rows as every engine stores them. Exchange ids are 16 bytes, hashes 32; times keep the units of
 * `Exchange`; absent facts are NULL, never zero.
 */
export interface Tables {
  exchanges: ExchangeRow;
  chunks: ChunkRow;
  bodies: BodyRow;
  provider_bodies: BodyRow;
  arrivals: ArrivalsRow;
  journal_positions: JournalPositionRow;
  open_exchanges: OpenExchangeRow;
  counters: CounterRow;
  tool_lists: ToolListRow;
  prunings: PruningRow;
}

/** `exchange-row.ts` says which field of `Exchange` each column holds. */
export interface ExchangeRow {
  sequence: Generated<number>;
  id: Uint8Array;
  /** Last 12 hex digits of the id, read backwards, as a number: finding an id by its end is a range. */
  id_tail: number;
  received_at_ms: number;
  method: string;
  path: string;
  query: string;
  tag: string | null;
  provider: string | null;
  format: string | null;
  asked_model: string | null;
  routed_model: string | null;
  answered_model: string | null;
  is_streaming: number;
  session_id: string | null;
  agent_id: string | null;
  parent_agent_id: string | null;
  agent_name: string | null;
  request_class: string | null;
  status: number | null;
  outcome: string;
  stop_reason: string | null;
  error_type: string | null;
  problem: string | null;
  request_id_header: string | null;
  message_id: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  thinking_tokens: number | null;
  server_tool_requests: number | null;
  service_tier: string | null;
  forwarded_us: number | null;
  first_byte_us: number | null;
  first_token_us: number | null;
  last_byte_us: number | null;
  closed_us: number | null;
  added_us: number | null;
  request_bytes: number;
  response_bytes: number;
  request_sha256: Uint8Array;
  response_sha256: Uint8Array;
  request_unaltered: number;
  response_unaltered: number;
  request_bytes_missing: number;
  response_bytes_missing: number;
  client_version: string | null;
  /** `tool_lists.id`; NULL for none. */
  tools_declared: number | null;
  /** JSON array of names; NULL for none. */
  tools_called: string | null;
  /** Packed JSON of what no list shows: headers, attempts, sentences. */
  details: Uint8Array;
  /** When its bodies were deleted, while the rest was kept; NULL while they are there. */
  bodies_pruned_at_ms: number | null;
}

interface PruningRow {
  number: Generated<number>;
  sequence: number;
}

interface ChunkRow {
  id: Generated<number>;
  sha256: Uint8Array;
  byte_count: number;
  /** The chunk whose bytes are needed to unpack this one; it has no base itself. */
  base: number | null;
  /** See `packing.ts`. */
  packed: Uint8Array;
}

interface BodyRow {
  /** See `bodyPlace`. */
  id: number;
  /** Packed, see `recipe.ts`. */
  recipe: Uint8Array;
}

interface ArrivalsRow {
  sequence: number;
  /** See `arrival-times.ts`. */
  times: Uint8Array;
}

interface JournalPositionRow {
  core_id: string;
  segment_number: number;
  segment_offset: number;
}

interface OpenExchangeRow {
  id: Uint8Array;
  /** JSON of `OpenExchange`. */
  facts: string;
}

/** The tools that a request offers are the same for a whole session, and their names are long. */
interface ToolListRow {
  id: Generated<number>;
  /** JSON array. */
  names: string;
}

/** `exchanges`: how many there are. `last-sequence`: of the exchange stored last. `deleted`: how many were ever deleted. `chunk-sweeps`: how often chunks were deleted. `epoch`: see `Store.epoch`. */
interface CounterRow {
  name: string;
  value: number;
}
