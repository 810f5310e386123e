import { exchangeIdToBytes } from '#exchange';
import type { SqlSession, SqlValue } from '../sql-engine.ts';
import type { DerivedRequest } from './derived-store.ts';
import type { RequestRow } from './derived-tables.ts';
import type { NameTable } from './name-table.ts';

export const quarterMs = 900_000;

/** @param names enters the names that are new */
export async function requestRow(
  session: SqlSession,
  names: NameTable,
  { exchange, costNanos }: DerivedRequest,
): Promise<RequestRow> {
  const name = (text: string | undefined) => names.idOf(session, text);
  const { usage } = exchange;
  return {
    sequence: exchange.sequence,
    id: exchangeIdToBytes(exchange.id),
    received_at_ms: exchange.receivedAtMs,
    quarter: Math.floor(exchange.receivedAtMs / quarterMs),
    method: (await name(exchange.method))!,
    path: (await name(exchange.path))!,
    tag: await name(exchange.tag),
    provider: await name(exchange.provider),
    asked_model: await name(exchange.askedModel),
    routed_model: await name(exchange.routedModel),
    answered_model: await name(exchange.answeredModel),
    is_streaming: Number(exchange.isStreaming),
    session: await name(exchange.sessionId),
    agent: await name(exchange.agentId),
    parent_agent: await name(exchange.parentAgentId),
    agent_name: await name(exchange.agentName),
    request_class: await name(exchange.requestClass),
    client_version: await name(exchange.clientVersion),
    status: exchange.status ?? null,
    outcome: (await name(exchange.outcome))!,
    outcome_class: outcomeClasses.indexOf(outcomeClassOf(exchange)),
    stop_reason: await name(exchange.stopReason),
    error_type: await name(exchange.errorType),
    problem: await name(exchange.problem),
    input_tokens: usage.inputTokens ?? null,
    output_tokens: usage.outputTokens ?? null,
    cache_read_tokens: usage.cacheReadTokens ?? null,
    cache_write_tokens: usage.cacheWriteTokens ?? null,
    cache_write_5m_tokens: usage.cacheWrite5mTokens ?? null,
    cache_write_1h_tokens: usage.cacheWrite1hTokens ?? null,
    thinking_tokens: usage.thinkingTokens ?? null,
    server_tool_requests: usage.serverToolRequests ?? null,
    cost_nanos: costNanos ?? null,
    first_byte_us: exchange.firstByteUs ?? null,
    first_token_us: exchange.firstTokenUs ?? null,
    last_byte_us: exchange.lastByteUs ?? null,
    added_us: exchange.addedUs ?? null,
    output_tokens_per_s: outputTokensPerS(exchange) ?? null,
    request_bytes: exchange.requestBytes,
    response_bytes: exchange.responseBytes,
    tools_declared: await names.listIdOf(session, exchange.toolsDeclared),
    tools_called: await names.listIdOf(session, exchange.toolsCalled),
  };
}

/** Their places are what the database holds. `ok` and `error`: a whole answer, and what its status says. */
export const outcomeClasses = ['ok', 'error', 'aborted', 'failed', 'interrupted'] as const;
export type OutcomeClass = (typeof outcomeClasses)[number];

function outcomeClassOf({ outcome, status, errorType }: DerivedRequest['exchange']): OutcomeClass {
  if (outcome === 'upstream-failed') return 'failed';
  if (outcome === 'interrupted') return 'interrupted';
  // An answer may begin well and have an error in its stream; a client may hang up on an error that it has seen.
  if ((status ?? 0) >= 400 || errorType !== undefined) return 'error';
  return outcome === 'client-aborted' ? 'aborted' : 'ok';
}

/** undefined when there was no time to measure, as with an answer that came in one piece. */
function outputTokensPerS({
  usage,
  firstTokenUs,
  lastByteUs,
}: DerivedRequest['exchange']): number | undefined {
  if (usage.outputTokens === undefined || firstTokenUs === undefined || lastByteUs === undefined)
    return undefined;
  const seconds = (lastByteUs - firstTokenUs) / 1_000_000;
  return seconds > 0.001 ? usage.outputTokens / seconds : undefined;
}

/** Inserts a row in the order of its columns. */
export async function insertRow(session: SqlSession, row: RequestRow): Promise<void> {
  const columns = Object.keys(row);
  const statement = `INSERT INTO requests (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
  await session.run(statement, Object.values(row) as SqlValue[]);
}
