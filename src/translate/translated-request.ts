/**
 * A request in the words of another format, or why it cannot be said in them. A refusal is meant for the client:
 * status and sentence are all an error answer needs.
 */
export type TranslatedRequest =
  | {
      readonly kind: 'translated';
      readonly body: Uint8Array;
      /** Below the base path of the provider, with a leading slash: `/chat/completions`, `/messages`. */
      readonly path: string;
      readonly isStreaming: boolean;
      /** Words for a person, one entry for each thing that could not be carried. */
      readonly dropped: readonly string[];
      readonly context: AnswerContext;
    }
  | {
      readonly kind: 'refused';
      readonly status: 400;
      readonly sentence: string;
      readonly dropped: readonly string[];
    };

/** What the translation of an answer has to know about the request. Plain data. */
export interface AnswerContext {
  /** The format the answer has to be said in. */
  readonly clientFormat: 'anthropic' | 'openai';
  readonly askedModel: string;
  readonly inputTokensEstimate: number;
  readonly isStreaming: boolean;
  /** Those that the provider was told. */
  readonly stopSequences: readonly string[];
  /** Names of tools the provider knows by another name: what it says → what the client calls it. */
  readonly toolNames: ReadonlyMap<string, string>;
  /** `msg_…` or `chatcmpl-…`, unique for each answer; comes from the caller, who owns randomness. */
  readonly messageId: string;
  /** Ids of earlier calls of the conversation, as the client knows them: a new call gets none of these. */
  readonly usedToolIds?: ReadonlySet<string>;
  /** Whether reasoning is given to the client, which asked for none when this is false. Absent means it is. */
  readonly showsThinking?: boolean;
  /** Seconds since 1970, for answers that say when they were made; comes from the caller, who owns the clock. */
  readonly createdS?: number;
  /** The client wants the usage at the end of a stream (`stream_options.include_usage`). */
  readonly includesUsage?: boolean;
}
