import { type Exchange, exchangeIdFromBytes, exchangeIdToBytes, type Usage } from '#exchange';
import { pack, unpack } from './packing.ts';
import type { StoredExchange } from './store.ts';
import type { ExchangeRow } from './tables.ts';

/** A row before the engine gave it its place. */
export type NewExchangeRow = Omit<ExchangeRow, 'sequence' | 'bodies_pruned_at_ms'>;
/** A row as it is read, with `storedColumns`. */
export type StoredExchangeRow = NewExchangeRow & {
  readonly sequence: number;
  readonly bodies_pruned_at_ms: number | null;
  /** JSON of the list that `tools_declared` means. */
  readonly tool_names: string | null;
};

export const storedColumns =
  '*, (SELECT names FROM tool_lists WHERE tool_lists.id = exchanges.tools_declared) AS tool_names';

/** @param toolsDeclared number of the list of tools */
export function exchangeToRow(exchange: Exchange, toolsDeclared: number | null): NewExchangeRow {
  const id = exchangeIdToBytes(exchange.id);
  const row: Record<string, string | number | Uint8Array | null> = {
    id,
    id_tail: idTail(exchange.id),
    is_streaming: Number(exchange.isStreaming),
    request_unaltered: Number(exchange.requestUnaltered),
    response_unaltered: Number(exchange.responseUnaltered),
    request_sha256: Buffer.from(exchange.requestSha256, 'hex'),
    response_sha256: Buffer.from(exchange.responseSha256, 'hex'),
    tools_declared: toolsDeclared,
    tools_called: exchange.toolsCalled.length === 0 ? null : JSON.stringify(exchange.toolsCalled),
    details: packDetails(exchange),
  };
  for (const [field, column] of entries(plainColumns)) row[column] = plainValue(exchange[field]);
  for (const [field, column] of entries(usageColumns)) row[column] = plainValue(exchange.usage[field]);
  // Every column is named above or in the two tables below, which `satisfies` ties to the row's own names.
  return row as unknown as NewExchangeRow;
}

/** Everything at once. @throws RangeError when the row is damaged */
export function exchangeFromRow(row: StoredExchangeRow): StoredExchange {
  return Object.assign(plainFacts(row), unpackDetails(row.details));
}

/**
 * For lists, which show none of the details: they are unpacked when one of them is read, and that throws a RangeError
 * when they are damaged.
 * @throws RangeError when the rest of the row is damaged
 */
export function listedExchangeFromRow(row: StoredExchangeRow): StoredExchange {
  let unpacked: Details | undefined;
  const details = (): Details => {
    unpacked ??= unpackDetails(row.details);
    return unpacked;
  };
  const exchange = plainFacts(row);
  for (const field of detailFields) {
    Object.defineProperty(exchange, field, { get: () => details()[field], enumerable: true });
  }
  return exchange;
}

/** The row without its details. */
function plainFacts(row: StoredExchangeRow): StoredExchange {
  const exchange: Record<string, unknown> = {
    sequence: row.sequence,
    id: exchangeIdFromBytes(row.id),
    isStreaming: row.is_streaming === 1,
    requestUnaltered: row.request_unaltered === 1,
    responseUnaltered: row.response_unaltered === 1,
    requestSha256: Buffer.from(row.request_sha256).toString('hex'),
    responseSha256: Buffer.from(row.response_sha256).toString('hex'),
    toolsDeclared: namesOf(row.tool_names),
    toolsCalled: namesOf(row.tools_called),
  };
  for (const [field, column] of entries(plainColumns)) {
    if (row[column] !== null) exchange[field] = row[column];
  }
  const usage: Record<string, unknown> = {};
  for (const [field, column] of entries(usageColumns)) {
    if (row[column] !== null) usage[field] = row[column];
  }
  exchange.usage = usage;
  if (row.bodies_pruned_at_ms !== null) exchange.bodiesPrunedAtMs = row.bodies_pruned_at_ms;
  // The row was written by `exchangeToRow`, so each field has the type it had there.
  return exchange as unknown as StoredExchange;
}

function namesOf(json: string | null): string[] {
  if (json === null) return [];
  try {
    return JSON.parse(json) as string[];
  } catch (error) {
    throw new RangeError('a list of tools is not JSON', { cause: error });
  }
}

/** Last `digits` hex digits of an id, at most 12, read backwards, as the upper digits of a 48 bit number. */
export function idTail(hexEnd: string): number {
  const reversed = [...hexEnd.slice(-12)].reverse().join('');
  return Number.parseInt(reversed.padEnd(12, '0'), 16);
}

const plainColumns = {
  receivedAtMs: 'received_at_ms',
  method: 'method',
  path: 'path',
  query: 'query',
  tag: 'tag',
  provider: 'provider',
  format: 'format',
  askedModel: 'asked_model',
  routedModel: 'routed_model',
  answeredModel: 'answered_model',
  sessionId: 'session_id',
  agentId: 'agent_id',
  parentAgentId: 'parent_agent_id',
  agentName: 'agent_name',
  requestClass: 'request_class',
  clientVersion: 'client_version',
  status: 'status',
  outcome: 'outcome',
  stopReason: 'stop_reason',
  errorType: 'error_type',
  problem: 'problem',
  requestIdHeader: 'request_id_header',
  messageId: 'message_id',
  forwardedUs: 'forwarded_us',
  firstByteUs: 'first_byte_us',
  firstTokenUs: 'first_token_us',
  lastByteUs: 'last_byte_us',
  closedUs: 'closed_us',
  addedUs: 'added_us',
  requestBytes: 'request_bytes',
  responseBytes: 'response_bytes',
  requestBytesMissing: 'request_bytes_missing',
  responseBytesMissing: 'response_bytes_missing',
} as const satisfies Partial<Record<keyof Exchange, keyof ExchangeRow>>;

const usageColumns = {
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWriteTokens: 'cache_write_tokens',
  cacheWrite5mTokens: 'cache_write_5m_tokens',
  cacheWrite1hTokens: 'cache_write_1h_tokens',
  thinkingTokens: 'thinking_tokens',
  serverToolRequests: 'server_tool_requests',
  serviceTier: 'service_tier',
} as const satisfies Record<keyof Usage, keyof ExchangeRow>;

/** What no list shows, in one packed piece: it is the same from exchange to exchange in most of its bytes. */
type Details = Pick<Exchange, (typeof detailFields)[number]>;

const detailFields = [
  'requestHeaders',
  'responseHeaders',
  'responseTrailers',
  'providerRequest',
  'providerResponse',
  'attempts',
  'dropped',
  'coreId',
  'coreVersion',
  'clientRequestId',
  'promptId',
  'routeReason',
  'upstreamTarget',
  'errorMessage',
  'cause',
] as const satisfies readonly (keyof Exchange)[];

const detailBytesMax = 256 * 1024 * 1024;

function packDetails(exchange: Exchange): Buffer {
  const details = Object.fromEntries(detailFields.map((field) => [field, exchange[field]]));
  return pack(Buffer.from(JSON.stringify(details)));
}

function unpackDetails(packed: Uint8Array): Details {
  const text = Buffer.from(unpack(packed, detailBytesMax)).toString('utf8');
  try {
    return JSON.parse(text) as Details;
  } catch (error) {
    throw new RangeError('the details of an exchange are not JSON', { cause: error });
  }
}

type StoredElsewhere =
  | 'id'
  | 'usage'
  | 'isStreaming'
  | 'toolsDeclared'
  | 'toolsCalled'
  | `${'request' | 'response'}${'Sha256' | 'Unaltered'}`;
type Forgotten = Exclude<keyof Exchange, keyof typeof plainColumns | keyof Details | StoredElsewhere>;
// A new field of `Exchange` that has no place here is an error of compilation, not a loss.
true satisfies [Forgotten] extends [never] ? true : Forgotten;

function entries<Field extends string, Column extends string>(
  table: Readonly<Record<Field, Column>>,
): [Field, Column][] {
  // `Object.entries` forgets the names of the keys.
  return Object.entries(table) as [Field, Column][];
}

// NaN would become NULL, and a NULL in a required column would block the recorder for good.
function plainValue(value: string | number | undefined): string | number | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return 0;
  return value ?? null;
}
