import type { ExchangeId } from '#exchange';
import { compareOutlines, type OutlineBlock } from '#outline';
import type { FilePage, SessionPage, Store, StoredExchange, TouchPage } from '#store';
import { type Entry, readEntry } from '#transcripts';
import { outlineOf } from './block-queries.ts';
import type { QuerySources } from './query-sources.ts';

/** How long one page of a thread may take to be put together. */
const threadMs = 2_000;
const textCharactersMax = 20_000;
const blocksMax = 500;
const shownKinds: ReadonlySet<Entry['kind']> = new Set(['user', 'assistant', 'system']);

/** Order of a thread: by time, of the same moment entries before requests. */
export interface ThreadPlace {
  readonly atMs: number;
  readonly kind: 'entry' | 'request';
  /** Id of the entry or sequence of the request. */
  readonly number: number;
}

export interface ThreadPage {
  readonly id: string;
  /** `main` or the id of an agent. */
  readonly agent: string | undefined;
  readonly after: ThreadPlace | undefined;
  readonly limit: number;
}

export interface Thread {
  readonly items: readonly ThreadItem[];
  /** Those that items name, with what they cost in billionths of a dollar. */
  readonly requests: readonly { readonly exchange: StoredExchange; readonly costNanos: number | undefined }[];
  readonly next: ThreadPlace | undefined;
}

export type ThreadItem =
  | {
      readonly kind: 'entry';
      readonly entryId: number;
      readonly atMs: number;
      readonly entry: Pick<Entry, 'type' | 'subtype' | 'role' | 'agentId' | 'uuid' | 'isMeta'>;
      readonly blocks: readonly ShownBlock[];
      readonly requestId: ExchangeId | undefined;
    }
  | {
      readonly kind: 'request';
      readonly atMs: number;
      readonly agentId: string | undefined;
      readonly requestId: ExchangeId;
      readonly blocks: readonly OutlineBlock[];
      readonly problems: readonly string[];
    };

export interface ShownBlock {
  readonly kind: Entry['blocks'][number]['kind'];
  readonly text: string;
  readonly isCut: boolean;
  readonly toolName: string | undefined;
  readonly toolUseId: string | undefined;
}

/** What the query thread can be asked about sessions and the files that they worked on. */
export const sessionQueries = {
  'sessions.list': ({ derived }: QuerySources, page: SessionPage) => derived.sessions.list(page),
  'sessions.find': ({ derived }: QuerySources, id: string) => derived.sessions.find(id),
  'files.list': ({ derived }: QuerySources, page: FilePage) => derived.files.list(page),
  'files.touches': ({ derived }: QuerySources, page: TouchPage) => derived.files.touches(page),

  async 'sessions.thread'(sources: QuerySources, page: ThreadPage): Promise<Thread | undefined> {
    const { derived, facts } = sources;
    if ((await derived.sessions.find(page.id)) === undefined) return undefined;
    const { places, hasMore } = await placesOf(sources, page);
    const entries = await entriesAt(sources, places, page);
    return facts.use((store) => putTogether(sources, store, { places, entries, hasMore, page }));
  },
} as const;

interface Place extends ThreadPlace {
  /** Of a request. */
  readonly id?: ExchangeId;
  readonly costNanos?: number | undefined;
  readonly isInTranscript?: boolean;
}

/** The next places of both sides in one order. */
async function placesOf({ derived }: QuerySources, { id, after, limit }: ThreadPage) {
  const fromMs = after?.atMs ?? Number.MIN_SAFE_INTEGER;
  const afterEntry = after?.kind === 'request' ? Number.MAX_SAFE_INTEGER : (after?.number ?? -1);
  const afterRequest = after?.kind === 'request' ? after.number : -1;
  const [entries, requests] = await Promise.all([
    derived.sessions.entries(id, { fromMs, after: afterEntry, limit: limit + 1 }),
    derived.sessions.requests(id, { fromMs, after: afterRequest, limit: limit + 1 }),
  ]);
  const places: Place[] = [
    ...entries.map(({ entryId, atMs }) => ({ atMs, kind: 'entry' as const, number: entryId })),
    ...requests.map(({ sequence, ...request }) => ({
      ...request,
      kind: 'request' as const,
      number: sequence,
    })),
  ];
  places.sort(
    (one, other) =>
      one.atMs - other.atMs ||
      Number(one.kind === 'request') - Number(other.kind === 'request') ||
      one.number - other.number,
  );
  return { places: places.slice(0, limit), hasMore: places.length > limit };
}

interface ReadEntry {
  readonly entry: Entry;
  readonly joined: { readonly id: ExchangeId; readonly costNanos: number | undefined } | undefined;
}

/** The entries at those places by their ids, with the requests that they came from. */
async function entriesAt(
  { derived, transcripts }: QuerySources,
  places: readonly Place[],
  { id }: ThreadPage,
): Promise<Map<number, ReadEntry>> {
  const ids = places.filter(({ kind }) => kind === 'entry').map(({ number }) => number);
  const conversation = await derived.conversations.find(id);
  const kind = conversation?.kind === 'codex' ? 'codex' : 'claude';
  const lines = await transcripts.use((archive) => archive.lines(ids));
  const read = lines.map((line) => ({ entryId: line.entryId, entry: readEntry(kind, line.bytes) }));
  const joined = await derived.sessions.joined(
    read.map(({ entryId, entry: { requestId, messageId, requestRef } }) => ({
      entryId,
      ...(requestId === undefined ? {} : { requestId }),
      ...(messageId === undefined ? {} : { messageId }),
      ...(requestRef === undefined ? {} : { requestRef }),
    })),
  );
  return new Map(read.map(({ entryId, entry }) => [entryId, { entry, joined: joined.get(entryId) }]));
}

interface Parts {
  readonly places: readonly Place[];
  readonly entries: ReadonlyMap<number, ReadEntry>;
  readonly hasMore: boolean;
  readonly page: ThreadPage;
}

async function putTogether(
  sources: QuerySources,
  store: Store,
  { places, entries, hasMore, page }: Parts,
): Promise<Thread> {
  const deadline = performance.now() + threadMs;
  const items: ThreadItem[] = [];
  const costs = new Map<ExchangeId, number | undefined>();
  let next: ThreadPlace | undefined;
  for (const [index, place] of places.entries()) {
    const item =
      place.kind === 'entry'
        ? entryItem(place, entries.get(place.number), costs)
        : await requestItem(sources, store, place, costs);
    if (item !== undefined && isOfAgent(item, page.agent)) items.push(item);
    const isLast = index === places.length - 1;
    if (performance.now() >= deadline || isLast) {
      const { atMs, kind, number } = place;
      next = hasMore || !isLast ? { atMs, kind, number } : undefined;
      break;
    }
  }
  const named = new Set(items.flatMap(({ requestId }) => requestId ?? []));
  const requests: Thread['requests'][number][] = [];
  for (const id of named) {
    const exchange = await store.exchange(id);
    if (exchange !== undefined) requests.push({ exchange, costNanos: costs.get(id) });
  }
  return { items, requests, next };
}

function isOfAgent(item: ThreadItem, agent: string | undefined): boolean {
  const agentId = item.kind === 'entry' ? item.entry.agentId : item.agentId;
  return agent === undefined || (agentId ?? 'main') === agent;
}

function entryItem(
  { atMs, number }: Place,
  read: ReadEntry | undefined,
  costs: Map<ExchangeId, number | undefined>,
): ThreadItem | undefined {
  if (read === undefined || !shownKinds.has(read.entry.kind)) return undefined;
  const { entry, joined } = read;
  if (joined !== undefined) costs.set(joined.id, joined.costNanos);
  const { record: _record, blocks, ...facts } = entry;
  return {
    kind: 'entry',
    entryId: number,
    atMs,
    entry: facts,
    blocks: blocks.slice(0, blocksMax).map((block) => ({
      kind: block.kind,
      text: block.text.slice(0, textCharactersMax),
      isCut: block.text.length > textCharactersMax,
      toolName: 'toolName' in block ? block.toolName : undefined,
      toolUseId: 'toolUseId' in block ? block.toolUseId : undefined,
    })),
    requestId: joined?.id,
  };
}

/** Undefined when the transcript tells about it, or it was deleted. */
async function requestItem(
  { derived }: QuerySources,
  store: Store,
  place: Place,
  costs: Map<ExchangeId, number | undefined>,
): Promise<ThreadItem | undefined> {
  if (place.isInTranscript || place.id === undefined) return undefined;
  const exchange = await store.exchange(place.id);
  if (exchange === undefined) return undefined;
  costs.set(place.id, place.costNanos);
  const { blocks, problems } = await outlineOf(store, exchange);
  const before = await derived.find.previousOf(exchange);
  const earlier = before && (await store.exchange(before));
  const known = earlier ? (await outlineOf(store, earlier)).blocks : [];
  return {
    kind: 'request',
    atMs: place.atMs,
    agentId: exchange.agentId,
    requestId: place.id,
    blocks: newBlocks(known, blocks).slice(0, blocksMax),
    problems,
  };
}

/** Messages that an earlier request did not have, and the answer. What a client offers and how it is told to behave is no talk. */
function newBlocks(known: readonly OutlineBlock[], blocks: readonly OutlineBlock[]): OutlineBlock[] {
  const messages = (all: readonly OutlineBlock[]) => all.filter(({ part }) => part === 'messages');
  const { rows } = compareOutlines(messages(known), messages(blocks));
  return [
    ...rows.flatMap((row) => ('after' in row ? [row.after] : [])),
    ...blocks.filter(({ part }) => part === 'answer'),
  ];
}
