import type { BodySide, ExchangeId, HeaderList, ProviderBody, ProviderSide } from '#exchange';
import { headerValues } from '#exchange';
import { decodeContent } from '#formats';
import type { Store, StoredExchange } from '#store';
import { StoreError } from '#store';

/** A body that is larger is not shown inline. */
export const inlineBytesMax = 8 * 1024 * 1024;

export type StoredBody =
  /** Decoded bytes, or the bytes that exist when part of the body was lost. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large' }
  /** The bytes cannot be read or decoded; says why. */
  | { readonly kind: 'unreadable'; readonly sentence: string };

/** One body of an exchange with its content encoding undone, when it is at most `bytesMax` long both ways. */
export async function readDecodedBody(
  store: Store,
  exchange: StoredExchange,
  side: BodySide,
  bytesMax: number,
): Promise<StoredBody> {
  if (exchange.bodiesPrunedAtMs !== undefined)
    return { kind: 'unreadable', sentence: prunedSentence(exchange.bodiesPrunedAtMs) };
  if (storedBytes(exchange, side) > bytesMax) return { kind: 'too-large' };
  const raw = await readBody(store, exchange.id, side, bytesMax);
  if (raw.kind !== 'bytes') return raw;
  return decode(raw.bytes, headersOf(exchange, side), bytesMax);
}

/** @param atMs milliseconds since 1970 */
export function prunedSentence(atMs: number): string {
  const day = new Date(atMs).toISOString().slice(0, 10);
  return `The bodies of this request were deleted on ${day}; everything else about it is kept.`;
}

/** Bytes that the store has of a body. */
export function storedBytes(exchange: StoredExchange, side: BodySide): number {
  if (isProviderSide(side)) {
    const { bytes = 0, bytesMissing = 0 } = providerBodyOf(exchange, side) ?? {};
    return bytes - bytesMissing;
  }
  return side === 'request'
    ? exchange.requestBytes - exchange.requestBytesMissing
    : exchange.responseBytes - exchange.responseBytesMissing;
}

/** Undefined when that end had the same bytes as the client's. */
export function providerBodyOf(exchange: StoredExchange, side: ProviderSide): ProviderBody | undefined {
  return side === 'provider-request' ? exchange.providerRequest : exchange.providerResponse;
}

export function isProviderSide(side: BodySide): side is ProviderSide {
  return side === 'provider-request' || side === 'provider-response';
}

/** Those of the provider's end are not kept. */
export function headersOf(exchange: StoredExchange, side: BodySide): HeaderList {
  if (isProviderSide(side)) return [];
  return side === 'request' ? exchange.requestHeaders : exchange.responseHeaders;
}

async function readBody(store: Store, id: ExchangeId, side: BodySide, bytesMax: number): Promise<StoredBody> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of (await store.body(id, side)) ?? []) {
      bytes += piece.length;
      if (bytes > bytesMax) return { kind: 'too-large' };
      pieces.push(piece);
    }
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupt') throw error;
    return { kind: 'unreadable', sentence: 'A piece of the stored body is missing or damaged.' };
  }
  return { kind: 'bytes', bytes: Buffer.concat(pieces) };
}

function decode(bytes: Uint8Array, headers: HeaderList, bytesMax: number): StoredBody {
  const encoding = headerValues(headers, 'content-encoding').join(',');
  if (encoding === '' || bytes.length === 0) return { kind: 'bytes', bytes };
  const decoded = decodeContent(bytes, encoding);
  if (!decoded.ok) return { kind: 'unreadable', sentence: 'The content encoding cannot be undone.' };
  return decoded.bytes.length > bytesMax ? { kind: 'too-large' } : { kind: 'bytes', bytes: decoded.bytes };
}
