import type { JsonObject } from '#formats';
import { type DroppedWords, quoted } from './dropped-words.ts';

/** Why an answer ended, in the words of the Messages API. */
export interface Stop {
  readonly reason: StopReason;
  readonly sequence: string | null;
  /** Only of a refusal: the model's own words for it, or null. */
  readonly explanation?: string | null;
}

type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'refusal'
  | 'model_context_window_exceeded';

/** `error` is no way to end: the provider failed in the middle and says so here instead of in an error. */
type Ending = StopReason | 'error';

const endings: Readonly<Record<string, Ending>> = {
  stop: 'end_turn',
  end_turn: 'end_turn',
  eos: 'end_turn',
  eos_token: 'end_turn',
  complete: 'end_turn',
  completed: 'end_turn',
  finished: 'end_turn',
  stop_sequence: 'stop_sequence',
  length: 'max_tokens',
  max_tokens: 'max_tokens',
  max_output_tokens: 'max_tokens',
  incomplete: 'max_tokens',
  model_length: 'model_context_window_exceeded',
  model_context_window_exceeded: 'model_context_window_exceeded',
  tool_calls: 'tool_use',
  tool_use: 'tool_use',
  tool_call: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  safety: 'refusal',
  recitation: 'refusal',
  blocklist: 'refusal',
  prohibited_content: 'refusal',
  sensitive: 'refusal',
  error: 'error',
  abort: 'error',
  network_error: 'error',
  malformed_function_call: 'error',
  insufficient_system_resource: 'error',
};

export interface StopOptions {
  readonly hasCalls: boolean;
  readonly refusal: string;
  readonly stopSequences: readonly string[];
  readonly dropped: DroppedWords;
}

/** The choice says that the provider failed, where others would report an error. */
export function isFailure(choice: JsonObject): boolean {
  return endingOf(choice) === 'error';
}

/**
 * The end of an answer from its choice. A provider that says `stop` and called tools means the call (Gemini does), and
 * one that says `tool_calls` without any has just ended.
 */
export function stopOf(choice: JsonObject, { hasCalls, refusal, stopSequences, dropped }: StopOptions): Stop {
  const ending = endingOf(choice);
  if (ending === 'unknown') dropped.add(`finish_reason ${quoted(choice.finish_reason)}: unknown`);
  if (ending === 'refusal' || refusal !== '') {
    return { reason: 'refusal', sequence: null, explanation: refusal === '' ? null : refusal };
  }
  if (ending === 'max_tokens' || ending === 'model_context_window_exceeded')
    return { reason: ending, sequence: null };
  if (hasCalls) return { reason: 'tool_use', sequence: null };
  const sequence = matchedSequence(choice, stopSequences);
  if (sequence !== undefined) return { reason: 'stop_sequence', sequence };
  return { reason: ending === 'stop_sequence' ? 'stop_sequence' : 'end_turn', sequence: null };
}

function endingOf({ finish_reason: reason }: JsonObject): Ending | 'unknown' {
  if (typeof reason !== 'string' || reason === '') return 'end_turn';
  const named = reason.toLowerCase();
  return Object.hasOwn(endings, named) ? endings[named]! : 'unknown';
}

/** vLLM and SGLang say which of the stop sequences it was; most providers do not. */
function matchedSequence(choice: JsonObject, stopSequences: readonly string[]): string | undefined {
  const matched = choice.stop_reason ?? choice.matched_stop;
  return stopSequences.find((sequence) => sequence === matched);
}

/** The keys of a message, or of a `message_delta`, that say how it ended. */
export function stopFields({ reason, sequence, explanation }: Stop): JsonObject {
  const details = { type: 'refusal', category: null, explanation: explanation ?? null };
  return {
    stop_reason: reason,
    stop_sequence: sequence,
    ...(reason === 'refusal' ? { stop_details: details } : {}),
  };
}
