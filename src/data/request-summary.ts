import type { OpenRequest, RequestSummary } from '#api';
import type { Exchange, OpenExchange, Usage } from '#exchange';
import type { StoredExchange } from '#store';

/** The list row of an exchange. Touches no bodies. */
export function requestSummary(exchange: StoredExchange): RequestSummary {
  return {
    ...requestFacts(exchange),
    ...present({
      statusCode: exchange.status,
      responseTime: milliseconds(exchange.lastByteUs ?? exchange.closedUs),
      firstByteTime: milliseconds(exchange.firstByteUs),
    }),
  };
}

/** What a list row and the detail have in common. */
export function requestFacts(exchange: StoredExchange) {
  return {
    requestId: exchange.id,
    timestamp: instantText(exchange.receivedAtMs),
    method: exchange.method,
    endpoint: exchange.path,
    outcome: exchange.outcome,
    isStreaming: exchange.isStreaming,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    sequence: exchange.sequence,
    ...present({
      model: exchange.askedModel,
      originalModel: exchange.askedModel,
      routedModel: exchange.routedModel ?? exchange.askedModel,
      answeredModel: exchange.answeredModel,
      provider: exchange.provider,
      subagentName: exchange.agentName,
      toolsUsed: exchange.toolsDeclared.length > 0 ? [...exchange.toolsDeclared] : undefined,
      toolCallCount: exchange.toolsCalled.length > 0 ? exchange.toolsCalled.length : undefined,
      tag: exchange.tag,
      sessionId: exchange.sessionId,
      agentId: exchange.agentId,
      parentAgentId: exchange.parentAgentId,
      requestClass: exchange.requestClass,
      clientVersion: exchange.clientVersion,
      stopReason: exchange.stopReason,
      errorType: exchange.errorType,
      problem: exchange.problem,
      usage: anthropicUsage(exchange.usage),
    }),
  };
}

/** A request in flight. */
export function openRequest(exchange: OpenExchange): OpenRequest {
  return {
    requestId: exchange.id,
    timestamp: instantText(exchange.receivedAtMs),
    method: exchange.method,
    endpoint: exchange.path,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    coreId: exchange.coreId,
    ...present({
      tag: exchange.tag,
      provider: exchange.provider,
      sessionId: exchange.sessionId,
      agentId: exchange.agentId,
      statusCode: exchange.status,
    }),
  };
}

/** Older clients need both counts as numbers; when the provider gave none at all there is no usage. */
function anthropicUsage(usage: Usage): RequestSummary['usage'] {
  if (usage.inputTokens === undefined && usage.outputTokens === undefined) return undefined;
  return {
    input_tokens: usage.inputTokens ?? 0,
    output_tokens: usage.outputTokens ?? 0,
    ...present({
      cache_creation_input_tokens: usage.cacheWriteTokens,
      cache_read_input_tokens: usage.cacheReadTokens,
      service_tier: usage.serviceTier,
    }),
  };
}

/** Microseconds to whole milliseconds. */
export function milliseconds(us: number | undefined): number | undefined {
  return us === undefined ? undefined : Math.round(us / 1000);
}

/** RFC 3339, UTC, with milliseconds; a time outside the calendar becomes its nearest end. */
export function instantText(ms: number): string {
  return new Date(Math.min(Math.max(Number.isFinite(ms) ? ms : 0, 0), 253_402_300_799_999)).toISOString();
}

/** When the client had its whole answer, or the exchange ended without one. */
export function completedAtMs(exchange: Exchange): number {
  return exchange.receivedAtMs + (milliseconds(exchange.closedUs ?? exchange.lastByteUs) ?? 0);
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same object without the keys that are undefined: absent means unknown. */
export function present<T extends object>(facts: T): Present<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Present<T>;
}
