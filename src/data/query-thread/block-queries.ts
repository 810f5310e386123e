import type { ExchangeId } from '#exchange';
import { headerValue } from '#exchange';
import { asObject, asText, dialectOf, understandAnswer } from '#formats';
import {
  type BlockContent,
  blocksOfAnswer,
  blocksOfRequest,
  type Comparison,
  compareOutlines,
  type OutlineBlock,
} from '#outline';
import type { Store, StoredExchange } from '#store';
import { readDecodedBody } from '../stored-body.ts';
import type { QuerySources } from './query-sources.ts';

/** Larger bodies have no outline; they can be downloaded. */
const bodyBytesMax = 64 * 1024 * 1024;

/** What can be said about the two bodies of an exchange, piece by piece. */
export interface ExchangeOutline {
  readonly blocks: readonly OutlineBlock[];
  /** Why blocks are missing, one sentence for each body that could not be read. */
  readonly problems: readonly string[];
}

export interface FoundBlock {
  readonly outline: OutlineBlock;
  /** Its JSON; undefined when it is nested too deep to be written. */
  readonly json: string | undefined;
}

export interface BlockMedia {
  readonly bytes: Uint8Array;
  /** As the client says. */
  readonly mediaType: string;
}

interface BlockPlace {
  readonly id: ExchangeId;
  readonly at: string;
}

export interface ComparedExchanges {
  /** undefined when there is none. */
  readonly before: ExchangeId | undefined;
  readonly comparison: Comparison;
  readonly problems: readonly string[];
}

/** What the query thread can be asked about blocks of bodies. The answers are undefined for an unknown exchange. */
export const blockQueries = {
  'blocks.outline': ({ facts }: QuerySources, id: ExchangeId): Promise<ExchangeOutline | undefined> =>
    facts.use(async (store) => {
      const exchange = await store.exchange(id);
      return exchange && outlineOf(store, exchange);
    }),

  'blocks.one': async (
    sources: QuerySources,
    place: BlockPlace,
  ): Promise<FoundBlock | 'no-block' | undefined> => {
    const block = await blockAt(sources, place);
    if (block === undefined || block === 'no-block') return block;
    return { outline: block.outline, json: jsonOf(block.value) };
  },

  /** The bytes that an image, a document or the like holds. */
  'blocks.media': async (
    sources: QuerySources,
    place: BlockPlace,
  ): Promise<BlockMedia | 'no-bytes' | 'no-block' | undefined> => {
    const block = await blockAt(sources, place);
    if (block === undefined || block === 'no-block') return block;
    const source = asObject(asObject(block.value)?.source);
    if (source?.type !== 'base64' || typeof source.data !== 'string') return 'no-bytes';
    return { bytes: Buffer.from(source.data, 'base64'), mediaType: asText(source.media_type, 64) ?? '' };
  },

  /** Without `other`: with the one before it that the same agent sent; with nothing when it is the first. */
  'blocks.compare': (
    { facts, derived }: QuerySources,
    { id, other }: { readonly id: ExchangeId; readonly other?: ExchangeId },
  ): Promise<ComparedExchanges | undefined> =>
    facts.use(async (store) => {
      const young = await store.exchange(id);
      if (young === undefined) return undefined;
      const before = other ?? (await derived.find.previousOf(young));
      const old = before && (await store.exchange(before));
      const problems: string[] = [];
      const sides: OutlineBlock[][] = [];
      for (const exchange of [old, young]) {
        const blocks = exchange === undefined ? [] : await requestBlocks(store, exchange);
        if (typeof blocks === 'string') problems.push(blocks);
        sides.push(typeof blocks === 'string' ? [] : outlines(blocks));
      }
      return { before: old?.id, comparison: compareOutlines(sides[0]!, sides[1]!), problems };
    }),
} as const;

function blockAt(
  { facts }: QuerySources,
  { id, at }: BlockPlace,
): Promise<BlockContent | 'no-block' | undefined> {
  return facts.use(async (store) => {
    const exchange = await store.exchange(id);
    if (exchange === undefined) return undefined;
    const blocks = at.startsWith('a')
      ? await answerBlocks(store, exchange)
      : await requestBlocks(store, exchange);
    if (typeof blocks === 'string') return 'no-block';
    for (const block of blocks) if (block.outline.at === at) return block;
    return 'no-block';
  });
}

/** The blocks of both bodies. */
export async function outlineOf(store: Store, exchange: StoredExchange): Promise<ExchangeOutline> {
  const problems: string[] = [];
  const blocks: OutlineBlock[] = [];
  for (const side of [await requestBlocks(store, exchange), await answerBlocks(store, exchange)]) {
    if (typeof side === 'string') problems.push(side);
    else blocks.push(...outlines(side));
  }
  return { blocks, problems };
}

function outlines(blocks: Iterable<BlockContent>): OutlineBlock[] {
  return [...blocks].map(({ outline }) => outline);
}

/** A sentence when they cannot be read. */
async function requestBlocks(
  store: Store,
  exchange: StoredExchange,
): Promise<Iterable<BlockContent> | string> {
  if (dialectOf(exchange.path) === undefined) return [];
  const body = await readDecodedBody(store, exchange, 'request', bodyBytesMax);
  if (body.kind === 'bytes') return blocksOfRequest(body.bytes);
  return `The request has no outline: ${body.kind === 'too-large' ? 'it is larger than 64 MiB.' : body.sentence}`;
}

/** A sentence when they cannot be read. */
export async function answerBlocks(
  store: Store,
  exchange: StoredExchange,
): Promise<Iterable<BlockContent> | string> {
  const dialect = dialectOf(exchange.path);
  if (dialect === undefined || exchange.status === undefined) return [];
  const body = await readDecodedBody(store, exchange, 'response', bodyBytesMax);
  if (body.kind !== 'bytes')
    return `The answer has no outline: ${body.kind === 'too-large' ? 'it is larger than 64 MiB.' : body.sentence}`;
  const contentType = headerValue(exchange.responseHeaders, 'content-type');
  const { assembledMessage, errorType } = understandAnswer(dialect, body.bytes, contentType);
  return assembledMessage && errorType === undefined ? blocksOfAnswer(assembledMessage) : [];
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
