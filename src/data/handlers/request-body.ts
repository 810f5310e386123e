import type { BodySide } from '#exchange';
import type { StoredExchange } from '#store';
import { ApiProblem } from '../api-problem.ts';
import { findExchange } from '../find-exchange.ts';
import type { Handler } from '../handler.ts';
import type { StoreAccess } from '../store-access.ts';
import {
  isProviderSide,
  providerBodyOf,
  prunedSentence,
  readDecodedBody,
  storedBytes,
} from '../stored-body.ts';
import { streamResponse } from '../stream-response.ts';

const decodedBytesMax = 64 * 1024 * 1024;
/** Decoding holds a whole body in memory. */
const decodingsMax = 2;

/** The bytes of one body as a download that no browser will run or show. */
export function requestBodyHandler(access: StoreAccess): Handler<'requests.body'> {
  let decodings = 0;

  async function decoded(exchange: StoredExchange, side: BodySide): Promise<Uint8Array> {
    if (decodings >= decodingsMax) throw new ApiProblem('too-busy', 'Other bodies are being decoded.');
    decodings += 1;
    try {
      const body = await access.use((store) => readDecodedBody(store, exchange, side, decodedBytesMax));
      if (body.kind === 'bytes') return body.bytes;
      const why = body.kind === 'too-large' ? 'It is larger than 64 MiB.' : body.sentence;
      throw new ApiProblem(
        'bad-parameter',
        `The body cannot be decoded: ${why} Leave out "decoded" to get it as it is.`,
      );
    } finally {
      decodings -= 1;
    }
  }

  return async ({ id, query, isHead, breakOff }) => {
    const exchange = await access.use((store) => findExchange(store, id));
    refuseAbsent(exchange, query.side);
    if (exchange.bodiesPrunedAtMs !== undefined)
      throw new ApiProblem('body-pruned', prunedSentence(exchange.bodiesPrunedAtMs));
    const headers = downloadHeaders(exchange, query.side);
    if (query.decoded === '1' || query.decoded === 'true') {
      const bytes = await decoded(exchange, query.side);
      const lengthHeader = { 'content-length': String(bytes.length) };
      return new Response(isHead ? null : new Uint8Array(bytes), {
        headers: { ...headers, ...lengthHeader },
      });
    }
    const length = knownLength(exchange, query.side);
    const lengthHeader = length === undefined ? {} : { 'content-length': String(length) };
    const bytes = exactBytes(access, exchange, query.side, length);
    return streamResponse(isHead ? undefined : bytes, { ...headers, ...lengthHeader }, breakOff);
  };
}

function refuseAbsent(exchange: StoredExchange, side: BodySide): void {
  if (!isProviderSide(side) || providerBodyOf(exchange, side) !== undefined) return;
  const same = side === 'provider-request' ? 'request' : 'response';
  throw new ApiProblem(
    'not-found',
    `Request ${exchange.id} has no body "${side}" of its own: nothing was said in other words there, see "${same}".`,
  );
}

function downloadHeaders(exchange: StoredExchange, side: BodySide): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${exchange.id}-${side}.bin"`,
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  };
}

/** Undefined when part of the body was lost: then the length of what exists shows only at its end. */
function knownLength(exchange: StoredExchange, side: BodySide): number | undefined {
  const missing = isProviderSide(side)
    ? providerBodyOf(exchange, side)?.bytesMissing
    : side === 'request'
      ? exchange.requestBytesMissing
      : exchange.responseBytesMissing;
  return missing === 0 ? storedBytes(exchange, side) : undefined;
}

/** The pieces of a body as the client reads them. Throws rather than end at a length that was not announced. */
async function* exactBytes(
  access: StoreAccess,
  exchange: StoredExchange,
  side: BodySide,
  length: number | undefined,
): AsyncGenerator<Uint8Array> {
  const lease = await access.acquire();
  let sent = 0;
  try {
    for await (const piece of (await lease.store.body(exchange.id, side)) ?? []) {
      sent += piece.length;
      if (length !== undefined && sent > length) break;
      yield piece;
    }
    if (length === undefined || sent === length) return;
    throw new Error(`the ${side} body of ${exchange.id} has ${sent} bytes or more, not ${length}`);
  } catch (error) {
    access.noteFailure(error);
    throw error;
  } finally {
    lease.release();
  }
}
