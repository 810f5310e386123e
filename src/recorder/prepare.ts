import { dialectOf, sliceJson } from '#formats';
import type { Arrival, ExchangeToStore } from '#store';
import type { AssembledExchange, BodyFrame } from './assemble.ts';
import type { BodyMemory } from './body-memory.ts';
import { clientFacts } from './client-facts.ts';
import type { ConversationHashes, ElementHashes } from './element-hashes.ts';
import { type ReadBody, readBody } from './read-body.ts';
import { sha256, sliceOpaque, sliceRequest } from './slice.ts';
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

/**
 * Reads the bodies back, understands them and cuts them: everything between the journal and the store. The bodies stand
 * in `memory` and may be used until it is recycled.
 */
export async function prepareExchange(
  assembled: AssembledExchange,
  tools: {
    readonly hashes: ElementHashes;
    readonly memory: BodyMemory;
    segmentPath(segmentNumber: number): string;
  },
): Promise<PreparedExchange> {
  const from = { coreId: assembled.coreId, segmentPath: tools.segmentPath, memory: tools.memory };
  const request = await readBody(assembled.request, from);
  const response = await readBody(assembled.response, from);
  const hashes = tools.hashes.of(conversationOf(assembled), request.bytes);
  const atProvider = await readProviderBodies(assembled, from);
  const understood = understandSafely(assembled, { request, response, ...atProvider }, hashes);
  const { exchange, requestSlices, mismatches } = understood;
  const toStore = {
    exchange,
    request: sliceRequest(request.bytes, requestSlices, hashes.hash),
    response: sliceOpaque(response.bytes),
    ...slicedProviderBodies(assembled, atProvider),
    responseArrivals: arrivalsOf(response, assembled.openedAtUs),
  };
  hashes.end();
  let bytes = request.bytes.length + response.bytes.length;
  tools.memory.retire(response.bytes);
  for (const body of Object.values(atProvider)) {
    bytes += body.bytes.length;
    tools.memory.retire(body.bytes);
  }
  return {
    assembled,
    toStore,
    bytes,
    mismatches,
    ...('failure' in understood ? { failure: understood.failure } : {}),
  };
}

interface ProviderBodies {
  readonly providerRequest?: ReadBody;
  readonly providerResponse?: ReadBody;
}

async function readProviderBodies(
  { providerRequest, providerResponse }: AssembledExchange,
  from: Parameters<typeof readBody>[1],
): Promise<ProviderBodies> {
  return {
    ...(providerRequest && { providerRequest: await readBody(providerRequest, from) }),
    ...(providerResponse && { providerResponse: await readBody(providerResponse, from) }),
  };
}

/** What the provider was sent is cut like a request, so that it shares what it has in common with the client's. */
function slicedProviderBodies(
  { route }: AssembledExchange,
  { providerRequest, providerResponse }: ProviderBodies,
): Pick<ExchangeToStore, 'providerRequest' | 'providerResponse'> {
  const sent = providerRequest?.bytes;
  const path = route?.format === 'openai' ? '/v1/chat/completions' : '/v1/messages';
  const slices = sent && sliceJson(sent, dialectOf(path)!.arrayKeys);
  return {
    ...(sent && {
      providerRequest: sliceRequest(sent, slices, (_key, _index, bytes) => sha256(bytes)),
    }),
    ...(providerResponse && { providerResponse: sliceOpaque(providerResponse.bytes) }),
  };
}

/** One body that we fail on must not stop the record of all others. */
function understandSafely(
  assembled: AssembledExchange,
  bodies: Parameters<typeof understandExchange>[1],
  { known }: ConversationHashes,
): UnderstoodExchange & { readonly failure?: unknown } {
  const findDialect = () => undefined;
  try {
    return understandExchange(assembled, bodies, { known });
  } catch (failure) {
    try {
      return { ...understandExchange(assembled, bodies, { findDialect }), failure };
    } catch {
      // Its heads are of no use either: what is certain are the bytes.
      return { ...understandExchange(withoutHeads(assembled), bodies, { findDialect }), failure };
    }
  }
}

function withoutHeads(assembled: AssembledExchange): AssembledExchange {
  const { opened, route, responseOpened, closed, closedAtUs, ...rest } = assembled;
  return { ...rest, attempts: [], unreadableHeads: 1 };
}

/** The agent within the session, as the headers name them. */
function conversationOf(assembled: AssembledExchange): string | undefined {
  const { sessionId, agentId } = clientFacts(assembled.opened?.headers ?? []);
  return sessionId === undefined ? undefined : `${sessionId} ${agentId ?? ''}`;
}

function arrivalsOf({ frames }: ReadBody, openedAtUs: number): Arrival[] {
  return frames.map((frame: BodyFrame) => ({
    afterUs: Math.max(0, Math.round(frame.atUs - openedAtUs)),
    bytes: frame.length,
  }));
}
