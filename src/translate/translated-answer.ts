/** A whole answer in the words of the client, or why it cannot be said in them. */
export type TranslatedAnswer =
  | { readonly kind?: undefined; readonly body: Uint8Array; readonly dropped: readonly string[] }
  | {
      readonly kind: 'unreadable';
      /** What is wrong with the answer. */
      readonly sentence: string;
      /** The provider reports an error in an answer that looks like a success: what to tell the client. */
      readonly error?: { readonly status: number; readonly body: Uint8Array };
    };

/** An error answer in the words of the client. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** How long the provider asks to wait, when it says so anywhere but in `retry-after`, the only place clients look. */
  readonly retryAfterSeconds?: number;
}

/**
 * A streamed answer on its way to the client. Feed the pieces as they come, cut anywhere; what is returned are whole
 * events, the same for every cutting.
 */
export interface AnswerStream {
  feed(chunk: Uint8Array): Uint8Array;
  /** The provider ended its answer properly. When it had not said all of it, the client gets an error. */
  end(): Uint8Array;
  /**
   * The provider broke off. An answer whose end was announced is complete without what is missing; otherwise the
   * client gets an error, unless it has seen nothing: then nothing is returned, and `failure` says what to answer.
   */
  broken(cause: string): Uint8Array;
  /** A sign of life for the client while the provider is silent. Events are only ever returned whole, so it fits anywhere. */
  ping(): Uint8Array;
  /** What could not be carried so far. */
  readonly dropped: readonly string[];
  /** The answer is whole, or has failed: nothing that follows can change it. */
  readonly isOver: boolean;
  /** The client has seen something. Before that, a failure can still be answered with a status: see `failure`. */
  readonly hasBegun: boolean;
  /** Why the stream failed, as an answer for a client that has seen nothing yet. */
  readonly failure: { readonly status: number; readonly body: Uint8Array } | undefined;
}
