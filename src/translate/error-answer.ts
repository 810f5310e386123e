import type { JsonObject } from '#formats';
import { retryAfterOf } from './retry-after.ts';
import type { ErrorAnswer } from './translated-answer.ts';

interface SaidError {
  readonly status: number;
  /** For a person. */
  readonly message: string;
  /** What the provider said, for whoever wants to know exactly. */
  readonly provider?: JsonObject;
}

/**
 * An error answer with everything that stays of the provider's: its status and the id of the request beside its own
 * words, and how long it asks to wait.
 * @param said the provider's error in the words of the client
 * @param value the body, parsed
 * @param headers names and values in turn
 */
export function errorAnswer<E extends SaidError>(
  said: E,
  {
    status,
    value,
    message,
    headers,
    requestId,
    toBody,
  }: {
    /** Of the provider's answer. */
    readonly status: number;
    readonly value: unknown;
    /** As the provider said it. */
    readonly message: string;
    readonly headers: readonly string[];
    readonly requestId: string | undefined;
    readonly toBody: (error: E) => Uint8Array;
  },
): ErrorAnswer {
  const provider = {
    ...said.provider,
    status,
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
  const retryAfterSeconds = retryAfterOf(value, message, headers);
  return {
    status: said.status,
    body: toBody({ ...said, provider }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}
