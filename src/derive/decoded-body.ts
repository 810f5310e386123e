import { headerValue } from '#exchange';
import { decodeContent } from '#formats';
import { type Store, type StoredExchange, StoreError } from '#store';

/** Larger bodies are read up to here. */
const bodyBytesMax = 64 * 1024 * 1024;

/** A stored body without its content encoding; empty when it was deleted since, or cannot be decoded. */
export async function decodedBody(
  facts: Store,
  exchange: StoredExchange,
  side: 'request' | 'response',
): Promise<Uint8Array> {
  const headers = side === 'request' ? exchange.requestHeaders : exchange.responseHeaders;
  const content = decodeContent(
    await wholeBody(facts, exchange, side),
    headerValue(headers, 'content-encoding'),
  );
  return content.ok ? content.bytes : new Uint8Array();
}

async function wholeBody(
  facts: Store,
  { id }: StoredExchange,
  side: 'request' | 'response',
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Deleted since it was listed: nothing was said.
  for await (const piece of (await facts.body(id, side)) ?? []) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= bodyBytesMax) break;
  }
  return Buffer.concat(pieces);
}

/** A damaged body, which is reported elsewhere, must not keep everything after it from being derived. */
export async function unlessDamaged<Result>(work: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return otherwise;
    throw error;
  }
}
