import type { TokenUsage } from '../answer-facts.ts';
import { asCount, asObject, asText, definedOnly, type JsonObject } from '../json-value.ts';

/**
 * Reads the `usage` of chat completions (`prompt_tokens` …) or of the Responses API (`input_tokens` …). OpenAI counts
 * cached tokens as part of the input; here they are taken out, so that the words mean the same for every provider.
 */
export function usageFromOpenai(usage: JsonObject | undefined, serviceTier?: unknown): TokenUsage {
  const tier = asText(serviceTier, 64);
  if (usage === undefined) return tier === undefined ? {} : { serviceTier: tier };
  const input = asCount(usage.input_tokens) ?? asCount(usage.prompt_tokens);
  const inputDetails = asObject(usage.input_tokens_details) ?? asObject(usage.prompt_tokens_details);
  const outputDetails = asObject(usage.output_tokens_details) ?? asObject(usage.completion_tokens_details);
  const cached = asCount(inputDetails?.cached_tokens);
  return definedOnly<TokenUsage>({
    inputTokens: input === undefined ? undefined : Math.max(0, input - (cached ?? 0)),
    outputTokens: asCount(usage.output_tokens) ?? asCount(usage.completion_tokens),
    cacheReadTokens: cached,
    thinkingTokens: asCount(outputDetails?.reasoning_tokens),
    serviceTier: tier,
  });
}
