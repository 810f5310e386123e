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
  // DeepSeek and Moonshot have names of their own for it.
  const cached =
    asCount(inputDetails?.cached_tokens) ??
    asCount(usage.prompt_cache_hit_tokens) ??
    asCount(usage.cached_tokens);
  const written = asCount(inputDetails?.cache_write_tokens);
  return definedOnly<TokenUsage>({
    inputTokens: input === undefined ? undefined : Math.max(0, input - (cached ?? 0) - (written ?? 0)),
    outputTokens: outputTokens(usage, input),
    cacheReadTokens: cached,
    cacheWriteTokens: written,
    thinkingTokens: asCount(outputDetails?.reasoning_tokens),
    serviceTier: tier,
  });
}

/** Some providers count reasoning in the total only (xAI, Gemini); it was generated and is paid for like the rest. */
function outputTokens(usage: JsonObject, input: number | undefined): number | undefined {
  const output = asCount(usage.output_tokens) ?? asCount(usage.completion_tokens);
  const total = asCount(usage.total_tokens);
  if (output === undefined || input === undefined || total === undefined) return output;
  return Math.max(output, total - input);
}
