import type { Exchange, ExchangeId, HeaderList, RouteChosen, Usage } from '#exchange';
import type { ExchangeToStore } from '#store';
import type { AssembledBody, AssembledExchange } from './assemble.ts';
import type { ReadBody } from './read-body.ts';
import { sha256, sliceOpaque, sliceRequest } from './slice.ts';
import { understandExchange } from './understand.ts';

/** An exchange that another program recorded, as far as it did. */
export interface ImportedParts {
  readonly id: ExchangeId;
  readonly coreId: string;
  /** Wall clock, milliseconds since 1970. */
  readonly receivedAtMs: number;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Credentials are fingerprints already. */
  readonly requestHeaders: HeaderList;
  readonly requestBody: Buffer;
  readonly route: RouteChosen;
  /** Absent when no answer was kept. */
  readonly answer?: {
    readonly status: number;
    readonly headers: HeaderList;
    readonly body: Buffer;
    /** Milliseconds after acceptance. */
    readonly firstByteMs?: number;
    readonly lastByteMs?: number;
  };
  /** Counts for an answer that does not say them itself. */
  readonly usage: Usage;
}

/**
 * Understands it like one of our own and cuts its bodies. Nothing proves that the bodies are what was on the wire, so
 * neither side is `unaltered`.
 */
export function understandImported(parts: ImportedParts): ExchangeToStore {
  const request = bodyOf(parts.requestBody);
  const response = bodyOf(parts.answer?.body ?? Buffer.alloc(0));
  const { exchange, requestSlices } = understandExchange(assembledFrom(parts, request, response), {
    request: request.read,
    response: response.read,
  });
  return {
    exchange: {
      ...exchange,
      ...withUsage(exchange, parts.usage),
      requestUnaltered: false,
      responseUnaltered: false,
    },
    request: sliceRequest(parts.requestBody, requestSlices, (_key, _index, bytes) => sha256(bytes)),
    response: sliceOpaque(response.read.bytes),
    responseArrivals: [],
  };
}

interface ImportedBody {
  readonly assembled: AssembledBody;
  readonly read: ReadBody;
}

function bodyOf(bytes: Buffer): ImportedBody {
  return { assembled: { frames: [], bytes: bytes.length, gapBytes: 0 }, read: { bytes, frames: [] } };
}

/** What the journal would have said. */
function assembledFrom(
  parts: ImportedParts,
  request: ImportedBody,
  response: ImportedBody,
): AssembledExchange {
  const { answer } = parts;
  const tally = (body: ImportedBody) => ({ bytes: body.read.bytes.length, crc32: 0 });
  const us = (ms: number | undefined) => (ms === undefined ? undefined : ms * 1000);
  const firstByteAtUs = us(answer?.firstByteMs);
  const lastByteAtUs = us(answer?.lastByteMs);
  return {
    id: parts.id,
    coreId: parts.coreId,
    coreStartedAtMs: parts.receivedAtMs,
    first: { segmentNumber: 0, offset: 0 },
    openedAtUs: 0,
    lastAtUs: lastByteAtUs ?? 0,
    opened: {
      receivedAtMs: parts.receivedAtMs,
      method: parts.method,
      target: parts.target,
      httpVersion: '1.1',
      headers: parts.requestHeaders,
      coreVersion: '',
    },
    route: parts.route,
    attempts: [],
    request: request.assembled,
    response: response.assembled,
    ...(answer && {
      responseOpened: {
        source: 'provider',
        status: answer.status,
        statusText: '',
        httpVersion: '1.1',
        headers: answer.headers,
      },
      closed: {
        end: 'finished',
        requestReceived: tally(request),
        requestSent: tally(request),
        responseReceived: tally(response),
        responseSent: tally(response),
        requestComplete: true,
        requestBytesDropped: 0,
        responseBytesDropped: 0,
        ...(firstByteAtUs === undefined ? {} : { firstByteAtUs }),
        ...(lastByteAtUs === undefined ? {} : { lastByteAtUs }),
      },
      ...(lastByteAtUs === undefined ? {} : { closedAtUs: lastByteAtUs }),
    }),
  };
}

function withUsage({ usage }: Exchange, kept: Usage): Pick<Exchange, 'usage'> {
  return { usage: { ...kept, ...usage } };
}
