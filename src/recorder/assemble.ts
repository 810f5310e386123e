import type {
  AttemptEnded,
  AttemptStarted,
  ExchangeClosed,
  ExchangeId,
  ExchangeOpened,
  JournalEntry,
  ProviderSide,
  ResponseOpened,
  RouteChosen,
} from '#exchange';
import type { ReadFrame } from '#journal/read';
import { isReadable } from './head-shapes.ts';

/** A place in the journal of one core. */
export interface JournalPlace {
  readonly segmentNumber: number;
  readonly offset: number;
}

/** One frame of body bytes: where it stands, and the bytes themselves while they are still in memory. */
export interface BodyFrame {
  readonly sequence: number;
  readonly segmentNumber: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly length: number;
  readonly atUs: number;
  bytes: Uint8Array | undefined;
}

export interface AssembledBody {
  /** In the order of the body. */
  readonly frames: readonly BodyFrame[];
  /** Bytes of all frames together. */
  readonly bytes: number;
  /** Bytes that gap frames tell of. */
  readonly gapBytes: number;
}

export interface AssembledAttempt {
  readonly started: AttemptStarted;
  readonly startedAtUs: number;
  readonly ended?: AttemptEnded;
  readonly endedAtUs?: number;
}

/** Everything the journal says about one exchange. Heads that were lost or never written are absent. */
export interface AssembledExchange {
  readonly id: ExchangeId;
  readonly coreId: string;
  /** Wall clock at `atUs` 0, milliseconds since 1970; absent when the head of the segment was lost. */
  readonly coreStartedAtMs?: number;
  /** First frame: the journal is needed from here until the exchange is stored. */
  readonly first: JournalPlace;
  readonly openedAtUs: number;
  readonly lastAtUs: number;
  readonly opened?: ExchangeOpened;
  readonly route?: RouteChosen;
  readonly attempts: readonly AssembledAttempt[];
  readonly responseOpened?: ResponseOpened;
  readonly responseOpenedAtUs?: number;
  /** Absent when the core died first. */
  readonly closed?: ExchangeClosed;
  readonly closedAtUs?: number;
  /** Heads that were there and could not be understood; they count as lost. */
  readonly unreadableHeads?: number;
  readonly request: AssembledBody;
  readonly response: AssembledBody;
  /** The bodies of the last attempt at the provider's end, where those are kept. */
  readonly providerRequest?: AssembledBody;
  readonly providerResponse?: AssembledBody;
}

/**
 * Puts the frames of one core together by exchange. Pure. Frames may come twice, late or never: what a failed write
 * may have lost is said again with the sequence it had.
 */
export interface Assembler {
  /** @returns the exchange when this frame ends it */
  feed(frame: ReadFrame, segmentNumber: number): AssembledExchange | undefined;
  /** The core is dead and everything it wrote was fed: gives what is still open. */
  interrupt(): AssembledExchange[];
  /** Body frames that came since the last call; whoever asks decides how long their bytes stay in memory. */
  takeBodyFrames(): BodyFrame[];
  /** In the order of their first frames. */
  open(): IterableIterator<AssembledExchange>;
  readonly openCount: number;
  /** Heads with a field that is missing or of another type, of all exchanges. */
  readonly unreadableHeads: number;
  /** The oldest place that an open exchange still needs. */
  oldestPlace(): JournalPlace | undefined;
}

/** Ids that ended lately: a repeated frame of one of them opens nothing. */
const endedMax = 10_000;

export function createAssembler(coreId: string): Assembler {
  const open = new Map<ExchangeId, OpenAssembly>();
  const ended = new Set<ExchangeId>();
  let coreStartedAtMs: number | undefined;
  let bodyFrames: BodyFrame[] = [];
  let unreadableHeads = 0;

  function remember(id: ExchangeId): void {
    ended.add(id);
    if (ended.size > endedMax) ended.delete(ended.values().next().value!);
  }

  return {
    feed(frame, segmentNumber) {
      const { entry } = frame;
      const isKnown = isReadable(entry);
      if (!isKnown) unreadableHeads += 1;
      if (entry.kind === 'segment-opened') {
        if (isKnown) coreStartedAtMs = entry.payload.processStartedAtMs;
        return undefined;
      }
      if (ended.has(entry.exchangeId)) return undefined;
      let assembly = open.get(entry.exchangeId);
      if (assembly === undefined) {
        const first = { segmentNumber, offset: frame.startOffset };
        assembly = newAssembly(coreId, entry.exchangeId, first, entry.atUs);
        if (coreStartedAtMs !== undefined) assembly.coreStartedAtMs = coreStartedAtMs;
        open.set(entry.exchangeId, assembly);
      }
      if (!isNewSequence(assembly, entry.sequence)) return undefined;
      if (isKnown) {
        const kept = take(assembly, entry, frame, segmentNumber);
        if (kept !== undefined) bodyFrames.push(kept);
      } else {
        assembly.unreadableHeads = (assembly.unreadableHeads ?? 0) + 1;
      }
      if (entry.kind !== 'exchange-closed') return undefined;
      open.delete(entry.exchangeId);
      remember(entry.exchangeId);
      return inOrder(assembly);
    },
    interrupt() {
      const interrupted = [...open.values()].map(inOrder);
      for (const { id } of interrupted) remember(id);
      open.clear();
      return interrupted;
    },
    takeBodyFrames() {
      const taken = bodyFrames;
      bodyFrames = [];
      return taken;
    },
    open: () => open.values(),
    get openCount() {
      return open.size;
    },
    get unreadableHeads() {
      return unreadableHeads;
    },
    oldestPlace: () => open.values().next().value?.first,
  };
}

type OpenAssembly = { -readonly [K in keyof AssembledExchange]: AssembledExchange[K] } & {
  attempts: AssembledAttempt[];
  request: OpenBody;
  response: OpenBody;
  providerRequest?: OpenBody;
  providerResponse?: OpenBody;
  /** Where the last attempt begins. */
  attemptSequence: number;
  nextSequence: number;
  /** Sequences below `nextSequence` that did not come (yet). */
  skipped: Set<number>;
  isOutOfOrder: boolean;
};

type OpenBody = { frames: BodyFrame[]; bytes: number; gapBytes: number };

function newBody(): OpenBody {
  return { frames: [], bytes: 0, gapBytes: 0 };
}

function newAssembly(coreId: string, id: ExchangeId, first: JournalPlace, atUs: number): OpenAssembly {
  return {
    id,
    coreId,
    first,
    openedAtUs: atUs,
    lastAtUs: atUs,
    attempts: [],
    request: newBody(),
    response: newBody(),
    attemptSequence: 0,
    nextSequence: 0,
    skipped: new Set(),
    isOutOfOrder: false,
  };
}

/** More than this many frames missing at once is damage; they will not come later. */
const skippedMax = 4096;

function isNewSequence(assembly: OpenAssembly, sequence: number): boolean {
  if (sequence < assembly.nextSequence) {
    assembly.isOutOfOrder = true;
    return assembly.skipped.delete(sequence);
  }
  for (let lost = assembly.nextSequence; lost < sequence && assembly.skipped.size < skippedMax; lost += 1) {
    assembly.skipped.add(lost);
  }
  assembly.nextSequence = sequence + 1;
  return true;
}

function take(
  assembly: OpenAssembly,
  entry: Exclude<JournalEntry, { kind: 'segment-opened' }>,
  frame: ReadFrame,
  segmentNumber: number,
): BodyFrame | undefined {
  if (entry.atUs > assembly.lastAtUs) assembly.lastAtUs = entry.atUs;
  switch (entry.kind) {
    case 'exchange-opened':
      assembly.opened = entry.payload;
      assembly.openedAtUs = Math.min(assembly.openedAtUs, entry.atUs);
      return undefined;
    case 'request-bytes':
      return keepBody(assembly.request, entry, frame, segmentNumber);
    case 'response-bytes':
      return keepBody(assembly.response, entry, frame, segmentNumber);
    case 'route-chosen':
      assembly.route = entry.payload;
      return undefined;
    case 'attempt-started':
      assembly.attempts.push({ started: entry.payload, startedAtUs: entry.atUs });
      beginAttempt(assembly, entry.sequence);
      return undefined;
    case 'attempt-ended':
      endAttempt(assembly.attempts, entry.payload, entry.atUs);
      return undefined;
    case 'response-opened':
      assembly.responseOpened = entry.payload;
      assembly.responseOpenedAtUs = entry.atUs;
      return undefined;
    case 'exchange-closed':
      assembly.closed = entry.payload;
      assembly.closedAtUs = entry.atUs;
      return undefined;
    case 'gap':
      assembly[entry.payload.side].gapBytes += entry.payload.bytes;
      return undefined;
    case 'provider-request-bytes':
    case 'provider-response-bytes':
      if (entry.sequence < assembly.attemptSequence) return undefined;
      return keepBody(providerBody(assembly, sideOf[entry.kind]), entry, frame, segmentNumber);
    case 'provider-gap':
      if (entry.sequence < assembly.attemptSequence) return undefined;
      providerBody(assembly, entry.payload.side).gapBytes += entry.payload.bytes;
      return undefined;
    default:
      entry satisfies never;
      return undefined;
  }
}

/** What an earlier attempt sent and got was for nothing: the record keeps the bodies of the last one. */
function beginAttempt(assembly: OpenAssembly, sequence: number): void {
  if (sequence < assembly.attemptSequence) return;
  assembly.attemptSequence = sequence;
  delete assembly.providerRequest;
  delete assembly.providerResponse;
}

const sideOf = {
  'provider-request-bytes': 'provider-request',
  'provider-response-bytes': 'provider-response',
} as const;

function providerBody(assembly: OpenAssembly, side: ProviderSide): OpenBody {
  const field = side === 'provider-request' ? 'providerRequest' : 'providerResponse';
  const body = assembly[field] ?? newBody();
  assembly[field] = body;
  return body;
}

function keepBody(
  body: { frames: BodyFrame[]; bytes: number },
  entry: { readonly sequence: number; readonly atUs: number; readonly bytes: Uint8Array },
  { startOffset, endOffset }: ReadFrame,
  segmentNumber: number,
): BodyFrame {
  const { sequence, atUs, bytes } = entry;
  const kept = { sequence, segmentNumber, startOffset, endOffset, length: bytes.length, atUs, bytes };
  body.bytes += bytes.length;
  body.frames.push(kept);
  return kept;
}

function endAttempt(attempts: AssembledAttempt[], ended: AttemptEnded, endedAtUs: number): void {
  const index = attempts.findIndex(({ started }) => started.attempt === ended.attempt);
  if (index >= 0) attempts[index] = { ...attempts[index]!, ended, endedAtUs };
}

function inOrder(assembly: OpenAssembly): AssembledExchange {
  if (!assembly.isOutOfOrder) return assembly;
  const { request, response, providerRequest, providerResponse } = assembly;
  for (const body of [request, response, providerRequest, providerResponse]) {
    body?.frames.sort((a, b) => a.sequence - b.sequence);
  }
  return assembly;
}
