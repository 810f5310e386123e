import type { Exchange } from '#exchange';
import type { Arrival, ExchangeToStore } from '#store';
import type { AssembledExchange, BodyFrame } from './assemble.ts';
import type { ElementHashes } from './element-hashes.ts';
import { type ReadBody, readBody } from './read-body.ts';
import { sliceOpaque, sliceRequest } from './slice.ts';
import { type UnderstoodExchange, understandExchange } from './understand.ts';

export interface PreparedExchange {
  readonly assembled: AssembledExchange;
  readonly toStore: ExchangeToStore;
  /** Memory it takes until it is stored. */
  readonly bytes: number;
  readonly mismatches: readonly string[];
  /** A bug of ours met these bodies; they are kept without being understood. */
  readonly failure?: unknown;
}

/** Reads the bodies back, understands them and cuts them: everything between the journal and the store. */
export async function prepareExchange(
  assembled: AssembledExchange,
  tools: { readonly hashes: ElementHashes; segmentPath(segmentNumber: number): string },
): Promise<PreparedExchange> {
  const core = { coreId: assembled.coreId, segmentPath: tools.segmentPath };
  const request = await readBody(assembled.request, core);
  const response = await readBody(assembled.response, core);
  const understood = understandSafely(assembled, { request, response });
  const { exchange, requestSlices, mismatches } = understood;
  const toStore = {
    exchange,
    request: sliceRequest(request.bytes, requestSlices, tools.hashes.for(conversationOf(exchange))),
    response: sliceOpaque(response.bytes),
    responseArrivals: arrivalsOf(response, assembled.openedAtUs),
  };
  const bytes = request.bytes.length + response.bytes.length;
  return {
    assembled,
    toStore,
    bytes,
    mismatches,
    ...('failure' in understood ? { failure: understood.failure } : {}),
  };
}

/** One body that we fail on must not stop the record of all others. */
function understandSafely(
  assembled: AssembledExchange,
  bodies: { readonly request: ReadBody; readonly response: ReadBody },
): UnderstoodExchange & { readonly failure?: unknown } {
  try {
    return understandExchange(assembled, bodies);
  } catch (failure) {
    return { ...understandExchange(assembled, bodies, () => undefined), failure };
  }
}

function conversationOf(exchange: Exchange): string | undefined {
  if (exchange.sessionId === undefined) return undefined;
  return `${exchange.sessionId} ${exchange.agentId ?? ''}`;
}

function arrivalsOf({ frames }: ReadBody, openedAtUs: number): Arrival[] {
  return frames.map((frame: BodyFrame) => ({
    afterUs: Math.max(0, Math.round(frame.atUs - openedAtUs)),
    bytes: frame.length,
  }));
}
