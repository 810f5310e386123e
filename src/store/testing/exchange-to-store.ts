import { createHash } from 'node:crypto';
import { type Exchange, newExchangeId } from '#exchange';
import type { Arrival, BodyPiece, ExchangeToStore } from '../store.ts';

export interface ExchangeParts {
  readonly facts?: Partial<Exchange>;
  readonly request?: readonly BodyPiece[];
  readonly response?: readonly BodyPiece[];
  readonly arrivals?: readonly Arrival[];
}

/** A complete exchange with the facts that follow from its bodies. Ids are made of the time and the number. */
export function exchangeToStore(number: number, parts: ExchangeParts = {}): ExchangeToStore {
  const request = parts.request ?? [literal(`{"n":${number}}`)];
  const response = parts.response ?? [];
  const receivedAtMs = parts.facts?.receivedAtMs ?? 1_700_000_000_000 + number;
  const random = createHash('sha256').update(`exchange ${number}`).digest();
  const exchange: Exchange = {
    id: newExchangeId(receivedAtMs, random),
    receivedAtMs,
    method: 'POST',
    path: '/v1/messages',
    query: 'beta=true',
    isStreaming: true,
    outcome: 'complete',
    usage: {},
    toolsDeclared: [],
    toolsCalled: [],
    requestHeaders: [],
    responseHeaders: [],
    requestBytes: byteCount(request),
    responseBytes: byteCount(response),
    requestSha256: hashOf(request),
    responseSha256: hashOf(response),
    requestUnaltered: true,
    responseUnaltered: true,
    requestBytesMissing: 0,
    responseBytesMissing: 0,
    attempts: [],
    dropped: [],
    coreId: 'core-1',
    coreVersion: '0.1.0',
    ...parts.facts,
  };
  return {
    exchange,
    request: { pieces: request },
    response: { pieces: response },
    responseArrivals: parts.arrivals ?? [],
  };
}

export function literal(content: string | Uint8Array): BodyPiece {
  return { kind: 'literal', bytes: Buffer.from(content) };
}

export function chunk(content: string | Uint8Array): BodyPiece {
  const bytes = Buffer.from(content);
  return { kind: 'chunk', bytes, sha256: createHash('sha256').update(bytes).digest() };
}

export function bytesOf(pieces: readonly BodyPiece[]): Buffer {
  return Buffer.concat(pieces.map((piece) => piece.bytes));
}

function byteCount(pieces: readonly BodyPiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
}

function hashOf(pieces: readonly BodyPiece[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece.bytes);
  return hash.digest('hex');
}

/** The same exchange with bodies of its own at the provider's end. */
export function withProviderBodies(
  item: ExchangeToStore,
  request: readonly BodyPiece[],
  response: readonly BodyPiece[],
): ExchangeToStore {
  const facts = (pieces: readonly BodyPiece[]) => ({
    bytes: byteCount(pieces),
    sha256: hashOf(pieces),
    bytesMissing: 0,
    isProven: true,
  });
  const exchange = {
    ...item.exchange,
    providerRequest: facts(request),
    providerResponse: facts(response),
  };
  return { ...item, exchange, providerRequest: { pieces: request }, providerResponse: { pieces: response } };
}
