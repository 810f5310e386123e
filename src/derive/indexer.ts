import { setTimeout as sleep } from 'node:timers/promises';
import { type DerivedStore, type Store, StoreError, type TranscriptStore } from '#store';
import { forgetDeleted } from './forget-deleted.ts';
import { forgetTranscripts } from './forget-transcripts.ts';
import { Pace } from './pace.ts';
import { KnownMessages } from './said-in-exchange.ts';
import type { Step } from './step.ts';

/** The databases that the indexer works on. */
export interface IndexerStores {
  readonly facts: Store;
  readonly derived: DerivedStore;
  readonly transcripts: TranscriptStore;
  /** What is read while `derived` is its replacement, when it is of the same facts; nothing new comes into it. */
  readonly served?: DerivedStore;
  /** Says what is derived from what, and how. */
  readonly derivation: string;
  /** `anew`: there was nothing. `replacement`: takes the place of what is served when it is complete. */
  readonly kind: 'going-on' | 'anew' | 'replacement';
}

export interface IndexerOptions {
  /** Opens everything, the derived store as its writer. */
  readonly open: () => Promise<IndexerStores>;
  /** Puts the replacement in its place; all are closed. */
  readonly promote: () => Promise<void>;
  /** The work, in the order in which it is done: what later steps read, earlier ones write. */
  readonly steps: (stores: IndexerStores) => readonly Step[];
  readonly signal: AbortSignal;
  readonly onStatus: (status: IndexerStatus) => void;
  /** How long nothing is looked at when there was nothing to do. */
  readonly idleMs: number;
  /** How long after trouble nothing is tried. */
  readonly troubleMs: number;
}

export interface IndexerStatus {
  /**
   * `deriving`: behind the facts. `rebuilding`: from the beginning. `current`: everything that is recorded is derived.
   * `trouble`: tried again soon.
   */
  readonly state: 'deriving' | 'rebuilding' | 'current' | 'trouble';
  /** While rebuilding: what was derived before is still there to be read. */
  readonly servesEarlier: boolean;
  /** Sequence up to which everything about exchanges is derived, of the last one that is recorded. */
  readonly through: number;
  readonly of: number;
  /** The same of archived transcripts, in pieces. */
  readonly transcripts: { readonly through: number; readonly of: number };
  /** Exchanges in a second, over the last half minute; absent while too little was seen. */
  readonly perSecond?: number;
  /** Until everything that is there now is derived; absent while nobody can tell. */
  readonly leftSeconds?: number;
  /** What is wrong, as a sentence for a person. */
  readonly trouble?: string;
}

/** Turns the crank of all steps until the signal ends it; trouble with a store is waited out. Rejects on a bug only. */
export async function runIndexer(options: IndexerOptions): Promise<void> {
  const { signal, onStatus, troubleMs } = options;
  let status: IndexerStatus = {
    state: 'deriving',
    servesEarlier: false,
    through: 0,
    of: 0,
    transcripts: { through: 0, of: 0 },
  };
  const say = (next: IndexerStatus): void => {
    status = next;
    onStatus(next);
  };
  while (!signal.aborted) {
    try {
      await workUntilTrouble(options, say);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      say({ ...status, state: 'trouble', trouble: error.message });
      await pause(error.code === 'busy' ? 50 : troubleMs, signal);
    }
  }
}

async function workUntilTrouble(
  options: IndexerOptions,
  say: (status: IndexerStatus) => void,
): Promise<void> {
  const stores = await options.open();
  let isComplete = false;
  try {
    isComplete = await workOn(stores, options, say);
  } finally {
    await Promise.allSettled(
      [stores.facts, stores.transcripts, stores.derived, stores.served].map((store) => store?.close()),
    );
  }
  if (isComplete && stores.kind === 'replacement') await options.promote();
}

/** Works until the signal, or until other stores have to be opened. True when a replacement is complete. */
async function workOn(
  stores: IndexerStores,
  { steps: stepsOf, signal, idleMs }: IndexerOptions,
  say: (status: IndexerStatus) => void,
): Promise<boolean> {
  const { derived, derivation } = stores;
  const progress = progressOf(stores);
  const steps = [...forgetInServed(stores), ...stepsOf(stores)];
  const servesEarlier = stores.kind === 'replacement';
  let isCatchingUp = stores.kind !== 'going-on';
  while (!signal.aborted) {
    const hasMore = await doOneRound(steps, signal);
    if (signal.aborted) return false;
    if (!hasMore && servesEarlier) return true;
    isCatchingUp &&= hasMore;
    say({
      state: isCatchingUp ? 'rebuilding' : hasMore ? 'deriving' : 'current',
      servesEarlier,
      ...(await progress()),
    });
    // Also between pieces others get their turn: messages are read in it.
    await pause(hasMore ? 0 : idleMs, signal);
    // Somebody asked for a new one.
    if (!servesEarlier && (await derived.derivation()) !== derivation) return false;
  }
  return false;
}

/** What is deleted must not be found any more while a replacement is derived, which can take hours. */
function forgetInServed({ facts, transcripts, served }: IndexerStores): readonly Step[] {
  if (served === undefined) return [];
  return [forgetDeleted(facts, served, new KnownMessages()), forgetTranscripts(transcripts, served)];
}

/** What is done of everything that is there, and how fast that goes. */
function progressOf({ facts, derived, transcripts }: IndexerStores) {
  const exchanges = new Pace();
  const pieces = new Pace();
  return async (): Promise<Omit<IndexerStatus, 'state' | 'servesEarlier' | 'trouble'>> => {
    const [at, of, archive] = await Promise.all([
      derived.positions(),
      facts.lastSequence(),
      transcripts.counts(),
    ]);
    const through = Math.min(at.requests ?? 0, at.text ?? 0, at['wire-answers'] ?? 0);
    const piece = Math.min(at['transcript-entries'] ?? 0, at['transcript-text'] ?? 0);
    // What the last piece was of may be forgotten by now.
    const pieceOf = Math.max(archive.lastPiece, piece);
    const nowMs = performance.now();
    exchanges.note(nowMs, through);
    pieces.note(nowMs, piece);
    const perSecond = exchanges.perSecond;
    // They take turns, so the longer one says when everything is done.
    const left = [exchanges.secondsFor(of - through), pieces.secondsFor(pieceOf - piece)];
    return {
      through,
      of,
      transcripts: { through: piece, of: pieceOf },
      ...(perSecond === undefined ? {} : { perSecond }),
      ...(left.includes(undefined) ? {} : { leftSeconds: Math.max(...left.map((each) => each ?? 0)) }),
    };
  };
}

/** Each step once, so that a long one does not keep the others waiting. True when one of them has more. */
async function doOneRound(steps: readonly Step[], signal: AbortSignal): Promise<boolean> {
  let hasMore = false;
  for (const step of steps) {
    if (signal.aborted) return false;
    if ((await step.run()) === 'more') hasMore = true;
  }
  return hasMore;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
