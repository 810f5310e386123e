import { setTimeout as delay } from 'node:timers/promises';
import type { ExchangeId, RecorderStatus } from '#exchange';
import { segmentBeganAtMs } from '#journal/read';
import type { Deletions, ExchangeToStore, JournalPosition, StoreBatch } from '#store';
import { createBodyMemory } from './body-memory.ts';
import { createElementHashes } from './element-hashes.ts';
import { openExchanges } from './open-exchanges.ts';
import { type PreparedExchange, prepareExchange } from './prepare.ts';
import { retireJournals } from './retention.ts';
import type { StoreKeeper } from './store-keeper.ts';
import type { Tail } from './tail.ts';

export interface RecorderOptions {
  readonly createTail: (positions: ReadonlyMap<string, JournalPosition>) => Tail;
  readonly keeper: StoreKeeper;
  /** What the user deleted is not stored again when the journal is read again; absent = nothing was deleted. */
  readonly deletions?: Pick<Deletions, 'read' | 'isEmpty' | 'forgetBefore'>;
  readonly replayAgeMsMax: number;
  readonly replayBytesMax: number;
  readonly log: RecorderLog;
  readonly signal: AbortSignal;
  readonly retentionEveryMs?: number;
}

/** The part of a pino logger that is used here. */
export interface RecorderLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type RecorderCounts = Pick<
  RecorderStatus,
  | 'lagMs'
  | 'lagBytes'
  | 'exchangesStored'
  | 'exchangesInterrupted'
  | 'openExchanges'
  | 'tornFrames'
  | 'damagedBytes'
  | 'unknownFrames'
  | 'checksumMismatches'
  | 'lastCommitAtMs'
>;

const batchMsMax = 50;
const batchBytesMax = 8 * 1024 * 1024;
const batchExchangesMax = 500;
const idleMs = 30;
const openEveryMs = 250;
/** An idle store is touched so often, so that a deleted file is noticed at once. */
const heartbeatMs = 1_000;
const journalTroubleMs = 1_000;
/** Trouble is over when it did not come back for so long: reading begins anew, and may meet it again a little later. */
const journalCalmMs = 5_000;
/** Clocks are set: a deletion is remembered a little longer than it should be needed. */
const clockSlackMs = 60_000;
const rememberedBytesMax = 64 * 1024 * 1024;
const freeBodyBytesMax = 16 * 1024 * 1024;

/** From the journal to the store: reads on, assembles, understands, cuts, commits. One step at a time, bounded memory. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #memory = createBodyMemory(freeBodyBytesMax);
  readonly #hashes = createElementHashes({
    bytesMax: rememberedBytesMax,
    forget: (body) => this.#memory.retire(body),
  });
  #tail: Tail | undefined;
  #deleted: ReadonlySet<ExchangeId> = new Set();
  #batch: PreparedExchange[] = [];
  #batchBytes = 0;
  #batchSinceMs = 0;
  #committed = new Map<string, JournalPosition>();
  // The first step commits: what a recorder before this one wrote about open exchanges is of no use any more.
  #committedAtMs = Number.NEGATIVE_INFINITY;
  #openAtMs = Number.NEGATIVE_INFINITY;
  #retiredAtMs = performance.now();
  #drainDeadlineMs: number | undefined;
  #stored = 0;
  #interrupted = 0;
  #mismatches = 0;
  #lastCommitAtMs: number | undefined;
  #failure: { readonly sentence: string; readonly atMs: number } | undefined;
  /** Counts of tails that were given up for a replay. */
  #past = { tornFrames: 0, damagedBytes: 0, unknownFrames: 0 };

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Records until drained; rejects when the signal aborts. */
  async run(): Promise<void> {
    await this.#begin(await this.#options.keeper.positions());
    let hasListedForDrain = false;
    for (;;) {
      const isMoving = await this.#stepSafely();
      if (isMoving && !this.#isPastDeadline()) continue;
      if (this.#drainDeadlineMs === undefined) {
        await delay(idleMs, undefined, { signal: this.#options.signal });
        continue;
      }
      if (hasListedForDrain) break;
      hasListedForDrain = true;
      await this.#tail!.list();
    }
    await this.#commit(this.#tail!);
  }

  /** Stores what can be read by now and returns from `run`. */
  drain(timeoutMs: number): void {
    this.#drainDeadlineMs ??= performance.now() + timeoutMs;
  }

  /** Why the journal cannot be followed at the moment; undefined while it can. */
  get trouble(): string | undefined {
    const { sentence, atMs } = this.#failure ?? {};
    return atMs !== undefined && performance.now() - atMs < journalCalmMs ? sentence : undefined;
  }

  get counts(): RecorderCounts {
    const journals = this.#tail?.journals() ?? [];
    const frames = this.#frameCounts();
    return {
      lagMs: this.#lagMs(),
      lagBytes: this.#batchBytes + journals.reduce((sum, journal) => sum + journal.unreadBytes, 0),
      exchangesStored: this.#stored,
      exchangesInterrupted: this.#interrupted,
      openExchanges: journals.reduce((sum, journal) => sum + journal.assembler.openCount, 0),
      ...frames,
      checksumMismatches: this.#mismatches,
      ...(this.#lastCommitAtMs === undefined ? {} : { lastCommitAtMs: this.#lastCommitAtMs }),
    };
  }

  async #begin(positions: ReadonlyMap<string, JournalPosition>): Promise<void> {
    this.#past = this.#frameCounts();
    this.#batch = [];
    this.#batchBytes = 0;
    this.#committed = new Map(positions);
    try {
      this.#deleted = (await this.#options.deletions?.read()) ?? new Set();
    } catch (error) {
      this.#options.log.error({ err: error }, 'cannot read what was deleted; it may be stored again');
    }
    this.#tail = this.#options.createTail(positions);
  }

  /** What goes wrong with the journal itself (rights, a failing disk) is waited out, then begun again. */
  async #stepSafely(): Promise<boolean> {
    this.#options.signal.throwIfAborted();
    try {
      return await this.#step(this.#tail!);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const cause = error instanceof Error ? error.message : String(error);
      this.#failure = { sentence: `The journal cannot be followed: ${cause}.`, atMs: performance.now() };
      this.#options.log.error(
        { err: error },
        'cannot follow the journal; will begin again where the store is',
      );
      await delay(journalTroubleMs, undefined, { signal: this.#options.signal });
      await this.#begin(this.#committed);
      return false;
    }
  }

  async #step(tail: Tail): Promise<boolean> {
    const step = await tail.next();
    for (const assembled of step.finished) {
      if (this.#deleted.has(assembled.id)) {
        tail.journal(assembled.coreId)?.settled(assembled);
        continue;
      }
      await this.#add(tail, assembled);
      if (this.#isBatchFull()) await this.#commit(tail);
      if (this.#tail !== tail) return true;
    }
    const isDue = this.#batch.length > 0 && (!step.isMoving || this.#isBatchFull());
    if (isDue || this.#isQuietCommitDue()) await this.#commit(tail);
    if (this.#tail === tail) await this.#retire(tail);
    return step.isMoving;
  }

  #isPastDeadline(): boolean {
    return this.#drainDeadlineMs !== undefined && performance.now() > this.#drainDeadlineMs;
  }

  #isBatchFull(): boolean {
    if (this.#batch.length === 0) return false;
    return (
      this.#batchBytes >= batchBytesMax ||
      this.#batch.length >= batchExchangesMax ||
      performance.now() - this.#batchSinceMs >= batchMsMax
    );
  }

  /** Without anything finished: the table of open exchanges, the position, and a sign of life of the store. */
  #isQuietCommitDue(): boolean {
    const since = performance.now() - this.#committedAtMs;
    return since >= heartbeatMs || (since >= openEveryMs && this.#tail!.journals().some(hasOpen));
  }

  async #add(tail: Tail, assembled: PreparedExchange['assembled']): Promise<void> {
    const journal = tail.journal(assembled.coreId)!;
    const prepared = await prepareExchange(assembled, {
      hashes: this.#hashes,
      memory: this.#memory,
      segmentPath: (number) => journal.segmentPath(number),
    });
    if (this.#batch.length === 0) this.#batchSinceMs = performance.now();
    this.#batch.push(prepared);
    this.#batchBytes += prepared.bytes;
    if (prepared.failure !== undefined) {
      this.#options.log.error(
        { exchange: assembled.id, err: prepared.failure },
        'kept an exchange without understanding it',
      );
    }
    for (const mismatch of prepared.mismatches) {
      this.#mismatches += 1;
      this.#options.log.error(
        { exchange: assembled.id, core: assembled.coreId },
        `checksums differ: ${mismatch}`,
      );
    }
  }

  async #commit(tail: Tail): Promise<void> {
    const prepared = this.#batch;
    for (const { assembled } of prepared) tail.journal(assembled.coreId)?.settled(assembled);
    const batch = this.#batchToStore(tail, prepared);
    const committed = await this.#commitOrSplit(batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#memory.recycle();
    this.#committedAtMs = performance.now();
    if (committed === 'replaced') {
      this.#options.log.warn({}, 'the store is a new one: the journals are read again from the beginning');
      await this.#begin(await this.#options.keeper.positions());
      return;
    }
    this.#lastCommitAtMs = Date.now();
    this.#stored += committed;
    this.#interrupted += prepared.filter(({ toStore }) => toStore.exchange.outcome === 'interrupted').length;
    for (const position of batch.positions) this.#committed.set(position.coreId, position);
  }

  /** @returns how many exchanges are new in the store. One that it cannot take must not hold up all others. */
  async #commitOrSplit(batch: StoreBatch): Promise<number | 'replaced'> {
    const { keeper, log } = this.#options;
    const whole = await keeper.commit(batch);
    if (whole.kind === 'replaced') return 'replaced';
    if (whole.kind === 'stored') return whole.result.stored;
    let stored = 0;
    for (const one of batch.exchanges) {
      const single = await keeper.commit({ exchanges: [one], positions: [] });
      if (single.kind === 'replaced') return 'replaced';
      if (single.kind === 'stored') stored += single.result.stored;
      else
        log.error(
          { exchange: one.exchange.id, err: single.error },
          'the store refuses an exchange: it is not recorded',
        );
    }
    const rest = await keeper.commit({ ...batch, exchanges: [] });
    return rest.kind === 'replaced' ? 'replaced' : stored;
  }

  #batchToStore(tail: Tail, prepared: readonly PreparedExchange[]): StoreBatch {
    const journals = tail.journals();
    const exchanges: ExchangeToStore[] = prepared.map(({ toStore }) => toStore);
    const positions = journals
      .map((journal) => journal.position())
      .filter((position) => this.#isNew(position));
    const isOpenDue = performance.now() - this.#openAtMs >= openEveryMs;
    if (!isOpenDue) return { exchanges, positions };
    this.#openAtMs = performance.now();
    return { exchanges, positions, open: openExchanges(journals) };
  }

  #isNew(position: JournalPosition): boolean {
    const known = this.#committed.get(position.coreId);
    return known?.segmentNumber !== position.segmentNumber || known.offset !== position.offset;
  }

  async #retire(tail: Tail): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#retiredAtMs < (this.#options.retentionEveryMs ?? 15_000)) return;
    this.#retiredAtMs = nowMs;
    const { replayAgeMsMax, replayBytesMax, keeper, log } = this.#options;
    try {
      const retired = await retireJournals(tail.journals(), {
        committed: this.#committed,
        replayAgeMsMax,
        replayBytesMax,
        nowMs: Date.now(),
      });
      for (const coreId of retired.goneCores) {
        tail.forget(coreId);
        this.#committed.delete(coreId);
        await keeper.forgetJournal(coreId);
      }
      await this.#forgetDeletions(tail);
      if (retired.deletedSegments > 0) log.info(retired, 'deleted journal segments that are stored');
    } catch (error) {
      this.#options.signal.throwIfAborted();
      log.warn({ err: error }, 'cannot delete stored journal segments; will try again');
    }
  }

  /** Deletions from before the oldest segment began: the journal holds nothing of them any more. */
  async #forgetDeletions(tail: Tail): Promise<void> {
    const { deletions } = this.#options;
    if (deletions === undefined || (await deletions.isEmpty())) return;
    let oldestMs = Date.now();
    for (const { directory } of tail.journals()) {
      const [oldest] = directory.segments;
      if (oldest !== undefined) oldestMs = Math.min(oldestMs, (await segmentBeganAtMs(oldest)) ?? 0);
    }
    await deletions.forgetBefore(oldestMs - clockSlackMs);
  }

  /** Age of what waits longest: the batch holds the oldest, because nothing is read while it waits. */
  #lagMs(): number {
    let oldestAtMs = Number.POSITIVE_INFINITY;
    for (const { assembled, toStore } of this.#batch) {
      const { receivedAtMs, closedUs } = toStore.exchange;
      const lastUs = closedUs ?? Math.max(0, assembled.lastAtUs - assembled.openedAtUs);
      oldestAtMs = Math.min(oldestAtMs, receivedAtMs + lastUs / 1000);
    }
    return oldestAtMs === Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.round(Date.now() - oldestAtMs));
  }

  #frameCounts(): Pick<RecorderStatus, 'tornFrames' | 'damagedBytes' | 'unknownFrames'> {
    const sum = { ...this.#past };
    for (const { counts } of this.#tail?.journals() ?? []) {
      sum.tornFrames += counts.tornFrames;
      sum.damagedBytes += counts.damagedBytes;
      sum.unknownFrames += counts.unknownFrames;
    }
    return sum;
  }
}

function hasOpen(journal: { readonly assembler: { readonly openCount: number } }): boolean {
  return journal.assembler.openCount > 0;
}
