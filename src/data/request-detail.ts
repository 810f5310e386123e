import type { RequestLog } from '#api';
import { type BodySide, type HeaderList, headerValue, type ProviderBody, type ProviderSide } from '#exchange';
import { isEventStream } from '#formats';
import type { Store, StoredExchange } from '#store';
import { type JsonText, parseJsonText } from './json-text.ts';
import { completedAtMs, instantText, milliseconds, present, requestFacts } from './request-summary.ts';
import { inlineBytesMax, readDecodedBody } from './stored-body.ts';
import { readStreamMessage } from './stream-message.ts';

/** Everything about one exchange, its bodies included as far as they are small enough. */
export async function requestDetail(store: Store, exchange: StoredExchange): Promise<RequestLog> {
  return {
    ...requestFacts(exchange),
    toolsUsed: [...exchange.toolsDeclared],
    toolCallCount: exchange.toolsCalled.length,
    toolsCalled: [...exchange.toolsCalled],
    headers: canonicalHeaders(exchange.requestHeaders),
    headerList: [...exchange.requestHeaders],
    ...(await requestBody(store, exchange)),
    userAgent: headerValue(exchange.requestHeaders, 'user-agent') ?? '',
    contentType: headerValue(exchange.requestHeaders, 'content-type') ?? '',
    query: exchange.query,
    responseHeaderList: [...exchange.responseHeaders],
    usageDetails: { ...exchange.usage },
    timings: present({
      forwardedUs: exchange.forwardedUs,
      firstByteUs: exchange.firstByteUs,
      firstTokenUs: exchange.firstTokenUs,
      lastByteUs: exchange.lastByteUs,
      closedUs: exchange.closedUs,
      addedUs: exchange.addedUs,
    }),
    sha256: { request: exchange.requestSha256, response: exchange.responseSha256 },
    unaltered: { request: exchange.requestUnaltered, response: exchange.responseUnaltered },
    bytesMissing: { request: exchange.requestBytesMissing, response: exchange.responseBytesMissing },
    attempts: [...exchange.attempts],
    dropped: [...exchange.dropped],
    coreId: exchange.coreId,
    coreVersion: exchange.coreVersion,
    ...present({
      response: await responseLog(store, exchange),
      responseTrailers: exchange.responseTrailers && [...exchange.responseTrailers],
      routeReason: exchange.routeReason,
      upstreamTarget: exchange.upstreamTarget,
      errorMessage: exchange.errorMessage,
      cause: exchange.cause,
      bodiesPrunedAt:
        exchange.bodiesPrunedAtMs === undefined ? undefined : instantText(exchange.bodiesPrunedAtMs),
      format: exchange.format,
      promptId: exchange.promptId,
      clientRequestId: exchange.clientRequestId,
      upstreamRequestId: exchange.requestIdHeader,
      messageId: exchange.messageId,
      providerRequest: providerBody(exchange, 'provider-request', exchange.providerRequest),
      providerResponse: providerBody(exchange, 'provider-response', exchange.providerResponse),
    }),
  };
}

async function requestBody(store: Store, exchange: StoredExchange) {
  const bodyUrl = bodyAddress(exchange, 'request');
  const body = await readDecodedBody(store, exchange, 'request', inlineBytesMax);
  if (body.kind === 'too-large') return { body: null, bodyTruncated: true as const, bodyUrl };
  if (body.kind === 'unreadable') return { body: null, bodyProblem: body.sentence, bodyUrl };
  return { body: null, ...readJsonOrText(body.bytes), bodyUrl };
}

async function responseLog(store: Store, exchange: StoredExchange): Promise<RequestLog['response']> {
  if (exchange.status === undefined) return undefined;
  return {
    statusCode: exchange.status,
    headers: canonicalHeaders(exchange.responseHeaders),
    ...(await responseBody(store, exchange)),
    bodyUrl: bodyAddress(exchange, 'response'),
    responseTime: milliseconds(exchange.lastByteUs ?? exchange.closedUs) ?? 0,
    isStreaming: exchange.isStreaming,
    completedAt: instantText(completedAtMs(exchange)),
    ...present({
      firstByteTime: milliseconds(exchange.firstByteUs),
      toolCallCount: exchange.toolsCalled.length > 0 ? exchange.toolsCalled.length : undefined,
    }),
  };
}

async function responseBody(store: Store, exchange: StoredExchange) {
  const body = await readDecodedBody(store, exchange, 'response', inlineBytesMax);
  if (body.kind === 'too-large') return { bodyTruncated: true as const };
  if (body.kind === 'unreadable') return { bodyProblem: body.sentence };
  const contentType = headerValue(exchange.responseHeaders, 'content-type');
  if (isEventStream(body.bytes, contentType)) return readStreamMessage(exchange.path, body.bytes);
  const shown = readJsonOrText(body.bytes);
  // Readers of old expect the text of every error, whether or not it is JSON.
  if (exchange.status === 200 || shown.body === undefined) return shown;
  return { ...shown, bodyText: Buffer.from(body.bytes).toString('utf8') };
}

/** JSON as it stands, or text; nothing for an empty body. */
function readJsonOrText(bytes: Uint8Array): { body?: JsonText; bodyText?: string } {
  if (bytes.length === 0) return {};
  const body = parseJsonText(Buffer.from(bytes).toString('utf8'));
  return body ? { body } : { bodyText: Buffer.from(bytes).toString('utf8') };
}

function providerBody(exchange: StoredExchange, side: ProviderSide, body: ProviderBody | undefined) {
  return body && { ...body, bodyUrl: bodyAddress(exchange, side) };
}

function bodyAddress(exchange: StoredExchange, side: BodySide): string {
  return `/api/v2/requests/${exchange.id}/body?side=${side}`;
}

/** `x-api-key` becomes `X-Api-Key`; values in order. No name can mean anything to the language. */
function canonicalHeaders(headers: HeaderList): Record<string, string[]> {
  const canonical: Record<string, string[]> = Object.create(null);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase().replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    canonical[name] = [...(canonical[name] ?? []), headers[i + 1]!];
  }
  return canonical;
}
