import { asObject, asText, type JsonObject, parseJson } from '#formats';
import { contextSentence } from './context-limit.ts';
import { errorAnswer } from './error-answer.ts';
import {
  errorClassOf,
  type ProviderError,
  pageText,
  readProviderError,
} from './openai-to-anthropic-error.ts';
import { headerValue } from './retry-after.ts';
import type { ErrorAnswer } from './translated-answer.ts';

/** An error as clients of OpenAI know it. */
export interface OpenAiError {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  /** For a person. */
  readonly message: string;
  /** What the provider said, for whoever wants to know exactly. */
  readonly provider?: JsonObject;
}

/**
 * Says the error answer of a provider of the Messages format as OpenAI would: with the type and code that clients act
 * on, the provider's words as the message, its original in `error.provider`.
 * @param headers names and values in turn, as Node's `rawHeaders`
 */
export function anthropicToOpenAiError(
  status: number,
  body: Uint8Array,
  headers: readonly string[] = [],
): ErrorAnswer {
  const value = parseJson(body);
  const said = readProviderError(value) ?? { message: pageText(body) };
  return errorAnswer(openAiError(status, said), {
    ...{ status, value, message: said.message, headers },
    requestId: headerValue(headers, 'request-id') ?? asText(asObject(value)?.request_id, 128),
    toBody: openAiErrorBody,
  });
}

/** The error of an `error` event, or of an answer that came with status 200. */
export function openAiErrorIn(value: JsonObject): OpenAiError {
  const said = readProviderError(value) ?? { message: 'The provider reports an error and gives no reason.' };
  return openAiError(said.status ?? 0, said);
}

export function openAiErrorBody(error: OpenAiError): Uint8Array {
  return Buffer.from(JSON.stringify({ error: openAiErrorFields(error) }));
}

export function openAiErrorFields({ type, code, message, provider }: OpenAiError): JsonObject {
  return { message, type, param: null, code, ...(provider === undefined ? {} : { provider }) };
}

interface OpenAiKind {
  readonly type: string;
  readonly code: string | null;
  /** Sent instead of Anthropic's own, which clients of OpenAI do not know. */
  readonly status?: number;
}

/** By Anthropic's type. */
const kinds: Readonly<Record<string, OpenAiKind>> = {
  authentication_error: { type: 'invalid_request_error', code: 'invalid_api_key' },
  permission_error: { type: 'invalid_request_error', code: 'permission_denied' },
  not_found_error: { type: 'invalid_request_error', code: 'not_found' },
  request_too_large: { type: 'invalid_request_error', code: 'request_too_large' },
  billing_error: { type: 'insufficient_quota', code: 'insufficient_quota' },
  rate_limit_error: { type: 'requests', code: 'rate_limit_exceeded' },
  overloaded_error: { type: 'server_error', code: 'overloaded', status: 503 },
  timeout_error: { type: 'server_error', code: 'timeout' },
  api_error: { type: 'server_error', code: null },
};

function openAiError(status: number, { message, kinds: words = [], original }: ProviderError): OpenAiError {
  const provider = original === undefined ? {} : { provider: original };
  const known = errorClassOf(status, words);
  if (known.status < 500 && contextSentence(message, words) !== undefined) {
    const fields = { type: 'invalid_request_error', code: 'context_length_exceeded' };
    return { status: 400, ...fields, message, ...provider };
  }
  const kind = Object.hasOwn(kinds, known.type)
    ? kinds[known.type]!
    : { type: 'invalid_request_error', code: null };
  return { status: kind.status ?? known.status, type: kind.type, code: kind.code, message, ...provider };
}
