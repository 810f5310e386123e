import { hash } from 'node:crypto';
import { type Exchange, emptyUsage, headerValue, type ProviderBody, type ProviderSide } from '#exchange';
import {
  type AnswerFacts,
  type Dialect,
  decodeContent,
  dialectOf,
  isEventStream,
  type JsonSlices,
  type RequestFacts,
  type SliceOptions,
  sliceJson,
  understandAnswer,
} from '#formats';
import type { AssembledAttempt, AssembledExchange } from './assemble.ts';
import { proveBody, proveKept } from './checksums.ts';
import { clientFacts } from './client-facts.ts';
import { firstTokenAtUs } from './first-token.ts';
import { outcomeOf } from './outcome.ts';
import type { ReadBody } from './read-body.ts';

export interface UnderstoodExchange {
  readonly exchange: Exchange;
  /** Where the parts of the request stand, when it is JSON whose structure is worth keeping apart. */
  readonly requestSlices?: JsonSlices;
  /** Checksums that do not fit, in words. */
  readonly mismatches: readonly string[];
}

interface Bodies {
  readonly request: ReadBody;
  readonly response: ReadBody;
  readonly providerRequest?: ReadBody;
  readonly providerResponse?: ReadBody;
}

export interface UnderstandOptions {
  /** Which reader understands a path; one that finds none leaves the bodies unread. */
  readonly findDialect?: (path: string) => Dialect | undefined;
  /** Elements that are likely to stand in the request again. */
  readonly known?: SliceOptions['known'];
}

/** Turns what the journal says about an exchange into the facts that are kept. Pure. */
export function understandExchange(
  assembled: AssembledExchange,
  bodies: Bodies,
  options: UnderstandOptions = {},
): UnderstoodExchange {
  const { opened, closed, route, responseOpened } = assembled;
  const { path, query } = splitTarget(opened?.target ?? '', opened?.tag);
  const dialect = (options.findDialect ?? dialectOf)(path);
  const asked = understandRequest(dialect, assembled, bodies.request, options.known);
  const answer = understandResponse(dialect, assembled, bodies.response);
  const headers = opened?.headers ?? [];
  const client = clientFacts(headers);
  const own = responseOpened?.source === 'throughline';
  const isOtherFormat =
    route !== undefined && dialect !== undefined && !dialect.name.startsWith(route.format);
  // What no rule has claimed may have gone as it came to a provider of the other format.
  const upstreamPath = splitTarget(route?.upstreamTarget ?? '', undefined).path;
  const wentAsItCame = closed?.providerRequest === undefined && upstreamPath.endsWith(path);
  const isTranslated = isOtherFormat && !wentAsItCame;
  const about = { closed, isOwnAnswer: own };
  const request = proveBody('request', bodies.request.bytes, {
    ...about,
    isTranslated: isTranslated || route?.routedModel !== undefined,
    gapBytes: assembled.request.gapBytes,
  });
  const response = proveBody('response', bodies.response.bytes, {
    ...about,
    isTranslated,
    gapBytes: assembled.response.gapBytes,
  });

  const providerRequest = providerBody('provider-request', bodies.providerRequest, assembled);
  const providerResponse = providerBody('provider-response', bodies.providerResponse, assembled);

  const exchange: Optionals<Exchange> = {
    id: assembled.id,
    receivedAtMs: Math.round(opened?.receivedAtMs ?? acceptedAtMs(assembled)),
    method: opened?.method ?? '',
    path,
    query,
    tag: opened?.tag,
    provider: route?.provider,
    format: route?.format,
    routeReason: route?.reason,
    upstreamTarget: route?.upstreamTarget,
    askedModel: asked.facts?.askedModel ?? route?.askedModel,
    routedModel: route?.routedModel,
    answeredModel: answer.facts?.answeredModel,
    isStreaming: asked.facts?.isStreaming === true || answer.isStream,
    sessionId: client.sessionId ?? asked.facts?.sessionId,
    agentId: client.agentId,
    parentAgentId: client.parentAgentId,
    agentName: route?.agentName ?? client.agentType,
    requestClass: client.requestClass,
    promptId: client.promptId,
    clientVersion: client.clientVersion,
    clientRequestId: client.clientRequestId,
    status: responseOpened?.status,
    outcome: outcomeOf({
      end: closed?.end,
      isAnswerWhole: answer.facts?.isTerminated === true || isWholeByLength(assembled),
      hasStreamError: answer.isStream && answer.facts?.errorType !== undefined,
    }),
    stopReason: answer.facts?.stopReason,
    errorType: answer.facts?.errorType,
    errorMessage: answer.facts?.errorMessage,
    problem: closed?.problem,
    cause: causeOf(assembled, answer),
    requestIdHeader: requestIdOf(assembled),
    messageId: answer.facts?.messageId,
    usage: answer.facts?.usage ?? emptyUsage,
    toolsDeclared: asked.facts?.toolsDeclared ?? [],
    toolsCalled: answer.facts?.toolsCalled ?? [],
    ...timesOf(assembled, bodies, answer),
    requestHeaders: headers,
    responseHeaders: responseOpened?.headers ?? [],
    responseTrailers: closed?.responseTrailers,
    requestBytes: bodies.request.bytes.length + request.bytesMissing,
    responseBytes: bodies.response.bytes.length + response.bytesMissing,
    requestSha256: hash('sha256', bodies.request.bytes, 'hex'),
    responseSha256: hash('sha256', bodies.response.bytes, 'hex'),
    requestUnaltered: request.isUnaltered,
    responseUnaltered: response.isUnaltered,
    requestBytesMissing: request.bytesMissing,
    responseBytesMissing: response.bytesMissing,
    providerRequest: providerRequest?.facts,
    providerResponse: providerResponse?.facts,
    attempts: assembled.attempts.map((attempt) => attemptOf(attempt, assembled.openedAtUs)),
    dropped: route?.dropped ?? [],
    coreId: assembled.coreId,
    coreVersion: opened?.coreVersion ?? '',
  };
  return {
    exchange: presentOnly<Exchange>(exchange),
    ...(asked.slices === undefined ? {} : { requestSlices: asked.slices }),
    mismatches: mismatchesOf(request, response, providerRequest, providerResponse),
  };
}

interface UnderstoodProviderBody {
  readonly facts: ProviderBody;
  readonly mismatch?: string;
}

/** Undefined where the provider's end had the client's bytes, or a core wrote this that did not keep them. */
function providerBody(
  side: ProviderSide,
  body: ReadBody | undefined,
  assembled: AssembledExchange,
): UnderstoodProviderBody | undefined {
  const field = side === 'provider-request' ? 'providerRequest' : 'providerResponse';
  const kept = assembled.closed?.[field];
  if (body === undefined && kept === undefined) return undefined;
  const bytes = body?.bytes ?? Buffer.alloc(0);
  // Without the end of the exchange nobody says what should be there.
  const { mismatch, bytesMissing, isProven }: ReturnType<typeof proveKept> =
    kept === undefined
      ? { bytesMissing: assembled[field]?.gapBytes ?? 0, isProven: false }
      : proveKept(side, bytes, kept);
  const facts = {
    bytes: bytes.length + bytesMissing,
    sha256: hash('sha256', bytes, 'hex'),
    bytesMissing,
    isProven,
  };
  return mismatch === undefined ? { facts } : { facts, mismatch };
}

interface UnderstoodRequest {
  readonly facts?: RequestFacts;
  readonly slices?: JsonSlices;
}

function understandRequest(
  dialect: Dialect | undefined,
  assembled: AssembledExchange,
  body: ReadBody,
  known: SliceOptions['known'],
): UnderstoodRequest {
  if (dialect === undefined || body.bytes.length === 0) return {};
  const encoding = headerValue(assembled.opened?.headers ?? [], 'content-encoding');
  if (encoding === undefined || encoding === 'identity') {
    const slices = sliceJson(body.bytes, dialect.arrayKeys, known === undefined ? {} : { known });
    if (slices === undefined) return {};
    return { facts: dialect.understandRequest(body.bytes, slices), slices };
  }
  const decoded = decodeContent(body.bytes, encoding);
  return decoded.ok ? { facts: dialect.understandRequest(decoded.bytes) } : {};
}

interface UnderstoodResponse {
  readonly facts?: AnswerFacts;
  readonly isStream: boolean;
  readonly encoding?: string;
  /** Set when the body cannot be decoded. */
  readonly undecodable?: string;
}

function understandResponse(
  dialect: Dialect | undefined,
  assembled: AssembledExchange,
  body: ReadBody,
): UnderstoodResponse {
  const headers = assembled.responseOpened?.headers ?? [];
  const contentType = headerValue(headers, 'content-type');
  const isStream = contentType?.toLowerCase().startsWith('text/event-stream') === true;
  if (dialect === undefined || body.bytes.length === 0) return { isStream };
  const encoding = headerValue(headers, 'content-encoding')?.toLowerCase();
  const decoded = decodeContent(body.bytes, encoding);
  if (!decoded.ok) return { isStream, undecodable: decoded.reason };
  const facts = understandAnswer(dialect, decoded.bytes, contentType);
  return {
    facts,
    isStream: isEventStream(decoded.bytes, contentType),
    ...(encoding === undefined ? {} : { encoding }),
  };
}

/** For an answer without a terminal event: a client that has all bytes may hang up. */
function isWholeByLength({ opened, responseOpened, closed }: AssembledExchange): boolean {
  if (responseOpened === undefined || closed === undefined) return false;
  if (opened?.method === 'HEAD' || responseOpened.status === 204 || responseOpened.status === 304)
    return true;
  const length = headerValue(responseOpened.headers, 'content-length');
  return (
    length !== undefined && /^\d{1,15}$/.test(length) && Number(length) === closed.responseReceived.bytes
  );
}

function causeOf(assembled: AssembledExchange, answer: UnderstoodResponse): string | undefined {
  const { closed } = assembled;
  if (closed === undefined && assembled.unreadableHeads !== undefined)
    return 'the journal says things about this exchange that this version cannot read';
  if (closed === undefined) return 'proxy-core ended before the exchange did';
  if (closed.cause !== undefined) return closed.cause;
  if (answer.undecodable !== undefined) return `response body undecodable: ${answer.undecodable}`;
  const isCutShort =
    closed.end === 'finished' &&
    answer.isStream &&
    answer.facts?.isTerminated === false &&
    answer.facts.stopReason === undefined &&
    answer.facts.errorType === undefined;
  return isCutShort ? 'the stream ended without its last event' : undefined;
}

function requestIdOf({ responseOpened }: AssembledExchange): string | undefined {
  const headers = responseOpened?.headers ?? [];
  return (headerValue(headers, 'request-id') ?? headerValue(headers, 'x-request-id'))?.slice(0, 256);
}

function timesOf(assembled: AssembledExchange, bodies: Bodies, answer: UnderstoodResponse) {
  const { closed, openedAtUs } = assembled;
  const since = (atUs: number | undefined): number | undefined =>
    atUs === undefined ? undefined : Math.max(0, Math.round(atUs - openedAtUs));
  const offset = answer.facts?.firstTokenOffset;
  const { bytes, frames } = bodies.response;
  const encoding = answer.encoding === undefined ? {} : { encoding: answer.encoding };
  const forwardedUs = since(closed?.forwardedAtUs);
  return {
    forwardedUs,
    firstByteUs: since(closed?.firstByteAtUs ?? (closed === undefined ? frames[0]?.atUs : undefined)),
    firstTokenUs:
      offset === undefined ? undefined : since(firstTokenAtUs(offset, { bytes, frames, ...encoding })),
    lastByteUs: since(closed?.lastByteAtUs ?? (closed === undefined ? frames.at(-1)?.atUs : undefined)),
    closedUs: since(assembled.closedAtUs),
    addedUs: forwardedUs,
  };
}

function attemptOf({ started, startedAtUs, ended, endedAtUs }: AssembledAttempt, openedAtUs: number) {
  return presentOnly<Exchange['attempts'][number]>({
    attempt: started.attempt,
    provider: started.provider,
    origin: started.origin,
    model: started.model,
    waitMs: started.waitMs,
    result: ended?.result ?? 'abandoned',
    status: ended?.status,
    cause: ended?.cause,
    reason: ended?.reason,
    startedUs: Math.max(0, Math.round(startedAtUs - openedAtUs)),
    endedUs: endedAtUs === undefined ? undefined : Math.max(0, Math.round(endedAtUs - openedAtUs)),
  });
}

/** When the head of the exchange was lost. */
function acceptedAtMs({ coreStartedAtMs, openedAtUs }: AssembledExchange): number {
  return (coreStartedAtMs ?? 0) + openedAtUs / 1000;
}

function splitTarget(target: string, tag: string | undefined): { path: string; query: string } {
  const untagged =
    tag !== undefined && target.startsWith(`/p/${tag}/`) ? target.slice(tag.length + 3) : target;
  const mark = untagged.indexOf('?');
  if (mark < 0) return { path: untagged, query: '' };
  return { path: untagged.slice(0, mark), query: untagged.slice(mark + 1) };
}

function mismatchesOf(...proofs: readonly ({ readonly mismatch?: string } | undefined)[]): string[] {
  return proofs.flatMap((proof) => (proof?.mismatch === undefined ? [] : [proof.mismatch]));
}

type Optionals<T> = { readonly [K in keyof T]: undefined extends T[K] ? T[K] | undefined : T[K] };

/** An absent fact is an absent key. */
function presentOnly<T extends object>(source: { readonly [K in keyof T]: T[K] | undefined }): T {
  const copy: { [key: string]: unknown } = {};
  for (const [key, value] of Object.entries(source)) if (value !== undefined) copy[key] = value;
  return copy as T; // Only undefined values were left out, and T declares those as optional.
}
