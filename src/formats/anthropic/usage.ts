import type { TokenUsage } from '../answer-facts.ts';
import { asCount, asObject, asText, definedOnly, type JsonObject } from '../json-value.ts';

/** Reads an Anthropic `usage` object; whatever is not a count is unknown, not zero. */
export function usageFromAnthropic(usage: JsonObject | undefined): TokenUsage {
  if (usage === undefined) return {};
  const cacheWrite = asObject(usage.cache_creation);
  const write5m = asCount(cacheWrite?.ephemeral_5m_input_tokens);
  const write1h = asCount(cacheWrite?.ephemeral_1h_input_tokens);
  const details = asObject(usage.output_tokens_details);
  return definedOnly<TokenUsage>({
    inputTokens: asCount(usage.input_tokens),
    outputTokens: asCount(usage.output_tokens),
    cacheReadTokens: asCount(usage.cache_read_input_tokens),
    cacheWriteTokens: asCount(usage.cache_creation_input_tokens) ?? sum(write5m, write1h),
    cacheWrite5mTokens: write5m,
    cacheWrite1hTokens: write1h,
    thinkingTokens: asCount(details?.thinking_tokens) ?? asCount(usage.thinking_tokens),
    serverToolRequests: serverToolRequests(asObject(usage.server_tool_use)),
    serviceTier: asText(usage.service_tier, 64),
  });
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

/** The counters are one per tool (`web_search_requests` …); new ones count as well. */
function serverToolRequests(counters: JsonObject | undefined): number | undefined {
  if (counters === undefined) return undefined;
  let total: number | undefined;
  for (const key of Object.keys(counters).slice(0, 64)) {
    if (key.endsWith('_requests')) total = sum(total, asCount(counters[key]));
  }
  return total;
}
