import { asArray, asObject, asText, type JsonObject, parseJson, utf8 } from '#formats';
import { contextSentence } from './context-limit.ts';
import { errorAnswer } from './error-answer.ts';
import { headerValue } from './retry-after.ts';
import type { ErrorAnswer } from './translated-answer.ts';

/** An error as the Messages API has it: type and status belong together. */
export interface AnthropicError {
  readonly status: number;
  readonly type: string;
  /** For a person; clients match on its wording too. */
  readonly message: string;
  /** What the provider said, for whoever wants to know exactly. */
  readonly provider?: JsonObject;
}

/**
 * Says the error answer of an OpenAI-like provider as Anthropic would: a status that makes clients retry when that
 * helps and only then, the provider's words as the message, its original in `error.provider`.
 * @param headers names and values in turn, as Node's `rawHeaders`
 */
export function openAiToAnthropicError(
  status: number,
  body: Uint8Array,
  headers: readonly string[] = [],
): ErrorAnswer {
  const value = parseJson(body);
  const said = readProviderError(value) ?? { message: pageText(body) };
  return errorAnswer(anthropicError(status, said), {
    ...{ status, value, message: said.message, headers },
    requestId: headerValue(headers, 'x-request-id'),
    toBody: errorBody,
  });
}

/** The error inside of an answer or of a chunk that came with status 200; undefined when there is none. */
export function errorInAnswer(value: JsonObject): AnthropicError | undefined {
  const hasError = asText(value.error) !== undefined || Object.keys(asObject(value.error) ?? {}).length > 0;
  // An answer has choices; a text such as `{"object": "error", "message": …}` or `{"detail": …}` has none.
  if (!hasError && (value.choices !== undefined || !isError(value))) return undefined;
  const said = readProviderError(value) ?? { message: 'The provider reports an error and gives no reason.' };
  return anthropicError(said.status ?? 0, said);
}

function isError({ type, object, message, detail }: JsonObject): boolean {
  return type === 'error' || object === 'error' || typeof message === 'string' || detail !== undefined;
}

export function errorBody({ type, message, provider }: Omit<AnthropicError, 'status'>): Uint8Array {
  const error = { type, message, ...(provider === undefined ? {} : { provider }) };
  return Buffer.from(JSON.stringify({ type: 'error', error }));
}

export interface ProviderError {
  readonly message: string;
  /** What kind of error it is, in the provider's own words: its type, code or status. */
  readonly kinds?: readonly string[];
  /** A status that stands in the body. */
  readonly status?: number;
  readonly original?: JsonObject;
}

const messageMax = 4000;

/**
 * Reads the shapes in use: `{error: {message, type, code}}` (OpenAI and most), a list of it (Gemini), `{error: "…"}`
 * (Ollama), `{object: "error", message, type, code}` (Mistral, vLLM), `{detail}` (FastAPI).
 */
export function readProviderError(value: unknown): ProviderError | undefined {
  const outer = asObject(Array.isArray(value) ? value[0] : value);
  if (outer === undefined) return undefined;
  const sentence = asText(outer.error, messageMax);
  if (sentence !== undefined) return { message: sentence };
  const error = asObject(outer.error) ?? outer;
  const message = messageOf(error);
  if (message === undefined) return undefined;
  const kinds = [error.type, error.code, error.status].flatMap((kind) => asText(kind, 128) ?? []);
  const status = [error.code, error.status].map(statusOf).find((code) => code !== undefined);
  return {
    message,
    kinds,
    original: originalOf(error),
    ...(status === undefined ? {} : { status }),
  };
}

function statusOf(value: unknown): number | undefined {
  const status = typeof value === 'number' ? value : Number(asText(value, 3) ?? 0);
  return status >= 400 && status <= 599 ? status : undefined;
}

function messageOf(error: JsonObject): string | undefined {
  const message =
    asText(error.message, messageMax) ??
    asText(error.msg, messageMax) ??
    detailText(error.detail ?? error.message);
  if (message === undefined) return undefined;
  // A gateway such as OpenRouter says only that its provider failed, and keeps that one's words here.
  const raw = asText(asObject(error.metadata)?.raw, messageMax);
  return raw === undefined ? message : `${message}: ${raw}`.slice(0, messageMax);
}

function detailText(detail: unknown): string | undefined {
  const list = asArray(asObject(detail)?.detail ?? detail);
  const sentences = list.slice(0, 8).flatMap((item) => {
    const { loc, msg } = asObject(item) ?? {};
    const place = asArray(loc)
      .filter((step) => typeof step === 'string' || typeof step === 'number')
      .join('.');
    return typeof msg === 'string' ? [place === '' ? msg : `${place}: ${msg}`] : [];
  });
  return asText(detail, messageMax) ?? asText(sentences.join('; '), messageMax);
}

/** Short plain values only: an original may be as long as the request. */
function originalOf({ type, code, param, status, metadata }: JsonObject): JsonObject {
  const provider = { type, code, param, status, provider_name: asObject(metadata)?.provider_name };
  return Object.fromEntries(
    Object.entries(provider).filter(
      ([, value]) => typeof value === 'number' || (typeof value === 'string' && value.length <= 256),
    ),
  );
}

/** What is left of a page of HTML or of a plain text. */
export function pageText(body: Uint8Array): string {
  const head = utf8(body, 0, 4096);
  const title = /<title>([^<]*)<\/title>/i.exec(head)?.[1];
  const text = (title ?? head.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();
  return text === '' ? 'The provider gave no reason.' : text.slice(0, 500);
}

function anthropicError(status: number, said: ProviderError): AnthropicError {
  const { message, kinds = [], original } = said;
  const provider = original === undefined ? {} : { provider: original };
  const tooLong = contextSentence(message, kinds);
  if (tooLong !== undefined && status < 500) {
    return {
      status: 400,
      type: 'invalid_request_error',
      message: tooLong,
      provider: { ...original, message },
    };
  }
  return { ...errorClassOf(status, kinds), message, ...provider };
}

export interface ErrorClass {
  readonly status: number;
  readonly type: string;
}

const invalid: ErrorClass = { status: 400, type: 'invalid_request_error' };
const unpaid: ErrorClass = { status: 402, type: 'billing_error' };
const limited: ErrorClass = { status: 429, type: 'rate_limit_error' };
const overloaded: ErrorClass = { status: 529, type: 'overloaded_error' };

/** By the status; clients decide by it whether to try again. */
const classes: Readonly<Record<number, ErrorClass>> = {
  400: invalid,
  401: { status: 401, type: 'authentication_error' },
  402: unpaid,
  403: { status: 403, type: 'permission_error' },
  404: { status: 404, type: 'not_found_error' },
  408: { status: 408, type: 'timeout_error' },
  409: { status: 409, type: 'conflict_error' },
  413: { status: 413, type: 'request_too_large' },
  422: invalid,
  429: limited,
  // Groq: capacity for this class of service is used up.
  498: overloaded,
  503: overloaded,
  504: { status: 504, type: 'timeout_error' },
  529: overloaded,
};

/** By words, where the status says too little: in streams, or for a quota that no waiting refills. */
const wordClasses: readonly (readonly [RegExp, ErrorClass])[] = [
  [/insufficient_quota|insufficient_balance|billing|payment/, unpaid],
  [/rate_?limit|resource_exhausted|too_many_requests/, limited],
  [/overload|unavailable|capacity/, overloaded],
  [/authentication|invalid_api_key|unauthori[sz]ed|unauthenticated/, classes[401]!],
  [/permission|forbidden/, classes[403]!],
  [/not_found/, classes[404]!],
  [/too_large/, classes[413]!],
  [/timeout|timed_out|deadline/, classes[504]!],
  [/invalid|bad_?request/, invalid],
];

/** Anthropic's kind of an error, from the provider's status (0 = none was given) and its words for the kind. */
export function errorClassOf(status: number, kinds: readonly string[]): ErrorClass {
  const words = kinds.join(' ').toLowerCase();
  const byWords = wordClasses.find(([pattern]) => pattern.test(words))?.[1];
  if (byWords === unpaid && (status === 0 || status === 429 || status === 402)) return unpaid;
  const byStatus = classes[status];
  if (byStatus !== undefined) return byStatus;
  if (status >= 500) return { status: status > 504 ? 502 : status, type: 'api_error' };
  if (status >= 400) return invalid;
  return byWords ?? { status: 502, type: 'api_error' };
}
