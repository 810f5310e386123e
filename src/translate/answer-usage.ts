import { asArray, asObject, type JsonObject, usageFromOpenai } from '#formats';

/**
 * The usage in an answer or in a chunk of one, wherever the provider puts it: at the top, in `x_groq` (Groq), or in
 * the choice (Moonshot).
 */
export function findUsage(value: JsonObject): JsonObject | undefined {
  return (
    asObject(value.usage) ??
    asObject(asObject(value.x_groq)?.usage) ??
    asObject(asObject(asArray(value.choices)[0])?.usage)
  );
}

/** What to say where a provider says nothing. */
export interface UsageEstimate {
  readonly inputTokens: number;
  /** The text of the answer so far. */
  readonly answerText: number;
}

/** Usage in the words of the Messages API; what was not reported is estimated. */
export function anthropicUsage(usage: JsonObject | undefined, estimate: UsageEstimate): JsonObject {
  const tokens = usageFromOpenai(usage);
  const { thinkingTokens } = tokens;
  return {
    input_tokens: tokens.inputTokens ?? estimate.inputTokens,
    cache_creation_input_tokens: tokens.cacheWriteTokens ?? 0,
    cache_read_input_tokens: tokens.cacheReadTokens ?? 0,
    output_tokens: tokens.outputTokens ?? Math.ceil(estimate.answerText),
    ...(thinkingTokens === undefined ? {} : { output_tokens_details: { thinking_tokens: thinkingTokens } }),
  };
}

/** Whether both of the counts that matter were reported. */
export function isReported(usage: JsonObject | undefined): boolean {
  const { inputTokens, outputTokens } = usageFromOpenai(usage);
  return inputTokens !== undefined && outputTokens !== undefined;
}
