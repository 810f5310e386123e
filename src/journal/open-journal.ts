import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JournalConfig } from '#core-config';
import { type ExchangeId, type ExchangeOpened, type GapReason, Roster } from '#exchange';
import { Ballast } from './ballast.ts';
import { ExchangeLog, type FrameSink } from './exchange-log.ts';
import { FrameQueue, settleFrames } from './frame-queue.ts';
import { errorCode, isDiskFull, type JournalFs, systemFs } from './journal-fs.ts';
import type { ExchangeJournal, JournalWriter, JournalWriterState } from './journal-writer.ts';
import { FrameEncoder, type FrameToEncode, type PendingFrame } from './pending-frame.ts';
import { Quota } from './quota.ts';
import type { SegmentFile } from './segment-file.ts';
import { SegmentRow } from './segment-row.ts';

export interface JournalOptions {
  /** Names this process start: letters, digits, `.`, `_`, `-`. Made up when absent. */
  readonly coreId?: string;
  /** `processStartToken(process.pid)`: tells a living core from a stranger with the same pid. */
  readonly startToken?: string | undefined;
  readonly clock?: JournalClock;
  /** For tests that let the disk fail. */
  readonly fs?: JournalFs;
  /** How often the slow duties run (age, quota, disk space, place of the file); 1000 when absent. */
  readonly upkeepIntervalMs?: number;
}

/** The clock of `atUs`; what core writes into `exchange-closed` must come from the same one. */
export interface JournalClock {
  /** Microseconds since the process started, monotonic. */
  nowUs(): number;
  /** Wall clock at 0, milliseconds since 1970. */
  readonly startedAtMs: number;
}

export const processClock: JournalClock = {
  nowUs: () => performance.now() * 1000,
  startedAtMs: performance.timeOrigin,
};

/**
 * Begins the journal of this process. Resolves in every case: when the directory cannot be written, the writer
 * says so in `state()` and keeps trying.
 */
export async function openJournal(
  config: JournalConfig,
  options: JournalOptions = {},
): Promise<JournalWriter> {
  const coreId = options.coreId ?? newCoreId();
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(coreId) || /^\.+$/.test(coreId)) {
    throw new Error(`"${coreId}" cannot name a journal directory: use letters, digits, ".", "_" and "-"`);
  }
  const journal = new Journal(config, { ...options, coreId });
  await journal.begin();
  return journal;
}

function newCoreId(): string {
  return `${Date.now().toString(36).padStart(9, '0')}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

class Journal implements JournalWriter, FrameSink {
  readonly coreId: string;
  readonly bodyBytesMax: number;
  readonly #config: JournalConfig;
  readonly #fs: JournalFs;
  readonly #clock: JournalClock;
  readonly #directory: string;
  readonly #segments: SegmentRow;
  readonly #ballast: Ballast;
  readonly #quota: Quota;
  readonly #encoder = new FrameEncoder();
  readonly #queue = new FrameQueue();
  readonly #open = new Roster<ExchangeLog>();
  readonly #upkeepTimer: NodeJS.Timeout;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryDelayMs = retryDelayMsMin;
  #inFlight: readonly PendingFrame[] = [];
  #inFlightBytes = 0;
  #writeStartedAtUs: number | undefined;
  #restoring: Promise<void> | undefined;
  #quotaCheckedAtBytes = -1;
  #lifeShownAtUs: number;
  #isWakeScheduled = false;
  #gatherTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #upkeep: Promise<void> | undefined;
  /** What keeps us from writing anything at all. */
  #failure: string | undefined;
  #isDiskFull = false;
  #isOverQuota = false;
  #isStalled = false;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #writtenBytes = 0;
  #framesWritten = 0;
  #bodiesDropped = 0;
  #bytesDropped: Record<string, number> = {};
  #writeErrors = 0;

  constructor(config: JournalConfig, options: JournalOptions & { readonly coreId: string }) {
    this.coreId = options.coreId;
    this.bodyBytesMax = config.bodyBytesMax;
    this.#config = config;
    this.#fs = options.fs ?? systemFs;
    this.#clock = options.clock ?? processClock;
    this.#lifeShownAtUs = this.#clock.nowUs();
    this.#directory = join(config.directory, options.coreId);
    this.#segments = new SegmentRow({
      fs: this.#fs,
      config,
      directory: this.#directory,
      coreId: this.coreId,
      startToken: options.startToken,
      clock: this.#clock,
      encoder: this.#encoder,
      countError: () => {
        this.#writeErrors += 1;
      },
    });
    const { directory } = config;
    this.#ballast = new Ballast(this.#fs, { directory, bytes: config.ballastBytes });
    this.#quota = new Quota(this.#fs, { directory, coreId: this.coreId, quotaBytes: config.quotaBytes });
    this.#upkeepTimer = setInterval(() => this.#startUpkeep(), options.upkeepIntervalMs ?? 1000);
    this.#upkeepTimer.unref();
  }

  /** The first segment, so that a directory that cannot be written is known at once. */
  async begin(): Promise<void> {
    this.#running = this.#run();
    await this.#running;
    this.#startUpkeep();
  }

  open(id: ExchangeId, opened: ExchangeOpened): ExchangeJournal {
    const log = new ExchangeLog(id, opened, this);
    this.#open.add(log);
    return log;
  }

  state(): JournalWriterState {
    const trouble = this.#trouble();
    return {
      healthy: trouble === undefined,
      ...(trouble === undefined ? {} : { trouble }),
      pendingBytes: this.#pendingBytes,
      writtenBytes: this.#writtenBytes,
      unsyncedBytes: this.#segments.unsyncedBytes,
      segments: this.#segments.count,
      framesWritten: this.#framesWritten,
      bodiesDropped: this.#bodiesDropped + this.#quota.bodiesThinned,
      bytesDropped: this.#allBytesDropped(),
      writeErrors: this.#writeErrors,
      openExchanges: this.#open.size,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#upkeepTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#gatherTimer);
    this.#segments.stopSyncing();
    await settledWithin(this.#finish(), closeMsMax);
    this.#settleAll();
  }

  async #finish(): Promise<void> {
    await this.#running;
    // One last try, also when the disk refused before: a bounded number of frames waits.
    this.#running = this.#run();
    await this.#running;
    await this.#upkeep;
    await this.#segments.close();
  }

  // What exchanges ask for (FrameSink).

  nowUs(): number {
    return this.#clock.nowUs();
  }

  get isStuck(): boolean {
    return this.#failure !== undefined || this.#isStalled || this.#isClosed;
  }

  refusal(bytes: number): GapReason | undefined {
    if (this.#isClosed) return 'write-failed';
    if (this.#isDiskFull) return 'disk-full';
    if (this.#isOverQuota) return 'quota';
    if (this.#pendingBytes + bytes <= this.#config.pendingBytesMax) return undefined;
    return this.#failure === undefined ? 'pending-limit' : 'write-failed';
  }

  countDropped(reason: GapReason, bytes: number, isFirstOfBody: boolean): void {
    this.#bytesDropped[reason] = (this.#bytesDropped[reason] ?? 0) + bytes;
    if (isFirstOfBody) this.#bodiesDropped += 1;
  }

  put(frame: FrameToEncode): void {
    if (this.#isClosed || this.#pendingBytes > this.#config.pendingBytesMax + headsPendingBytesMax) {
      this.countDropped('write-failed', Buffer.byteLength(frame.payload), false);
      frame.settle?.();
      return;
    }
    this.#queue.push(this.#encoder.encode(frame));
    this.#wake();
  }

  ended(log: ExchangeLog): void {
    this.#open.delete(log);
  }

  // Writing, one write at a time. Each costs a round trip through the thread pool, whatever it carries, so it takes
  // along what gathers: one turn of the event loop when an end waits for it, a few milliseconds when nobody does.

  #wake(): void {
    if (this.#running !== undefined || this.#retryTimer !== undefined) return;
    if (!this.#queue.hasEnd && this.#queue.bytes < gatheredBytesMax) {
      this.#gatherTimer ??= setTimeout(this.#start, gatherMs);
      return;
    }
    if (this.#isWakeScheduled) return;
    this.#isWakeScheduled = true;
    setImmediate(this.#start);
  }

  readonly #start = (): void => {
    this.#isWakeScheduled = false;
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    if (this.#running !== undefined || this.#isClosed) return;
    this.#running = this.#run();
  };

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      do await this.#writeBatch();
      while (this.#isClosed && !this.#queue.isEmpty && this.#failure === undefined);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = undefined;
      this.#writeStartedAtUs = undefined;
      if (!this.#queue.isEmpty) this.#wake();
    }
  }

  async #writeBatch(): Promise<void> {
    this.#writeStartedAtUs = this.#clock.nowUs();
    for (let attempt = 1; ; attempt += 1) {
      const error = await this.#tryWrite();
      if (error === undefined) return this.#succeed();
      this.#writeErrors += 1;
      if (isDiskFull(error)) await this.#makeRoom();
      if (attempt >= attemptsMax) return this.#fail(error);
    }
  }

  /** @returns the error, when not everything that was tried is on the disk */
  async #tryWrite(): Promise<unknown> {
    if (this.#restoring !== undefined) await this.#restoring;
    let segment: SegmentFile;
    try {
      segment = await this.#segments.toWrite();
    } catch (error) {
      return error;
    }
    const batch = this.#queue.takeBatch();
    if (batch.length === 0) return undefined;
    this.#inFlight = batch;
    for (const frame of batch) this.#inFlightBytes += frame.bytes;
    const { framesWritten, error } = await segment.append(batch);
    this.#inFlight = [];
    this.#inFlightBytes = 0;
    this.#acknowledge(batch.slice(0, framesWritten), segment);
    if (framesWritten === batch.length) return undefined;
    this.#queue.putBack(batch.slice(framesWritten));
    this.#segments.leave(segment);
    return error ?? new Error('the write was cut short');
  }

  #acknowledge(frames: readonly PendingFrame[], segment: SegmentFile): void {
    for (const frame of frames) {
      this.#writtenBytes += frame.bytes;
      this.#framesWritten += 1;
      frame.owner?.wrote(frame, segment.number);
      if (frame.settle === undefined) continue;
      if (this.#config.durability === 'power') segment.settleWhenSynced(frame.settle);
      else frame.settle();
    }
    this.#segments.wrote(segment);
  }

  // Trouble.

  #succeed(): void {
    this.#failure = undefined;
    this.#isStalled = false;
    this.#retryDelayMs = retryDelayMsMin;
  }

  /** Nobody waits for a disk that refuses; the frames stay queued, within bounds, and are tried again. */
  #fail(error: unknown): void {
    this.#failure = describeFailure(error, this.#directory);
    this.#queue.settleAll();
    if (this.#isClosed || this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#start();
    }, this.#retryDelayMs);
    this.#retryTimer.unref();
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, retryDelayMsMax);
  }

  #settleAll(): void {
    settleFrames(this.#inFlight);
    this.#queue.settleAll();
    this.#segments.current?.settleAll();
  }

  async #makeRoom(): Promise<void> {
    this.#isDiskFull = true;
    this.#queue.giveUpBodies('disk-full', this.#encoder);
    await this.#ballast.release();
  }

  #trouble(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#isStalled)
      return 'The disk of the journal does not answer. Bodies are dropped once the memory bound is reached.';
    if (this.#isDiskFull) return 'The disk of the journal is full: bodies are not recorded. Free some space.';
    const { syncError } = this.#segments;
    if (syncError !== undefined)
      return `The disk of the journal does not sync (${errorCode(syncError)}): a power cut may take records. Check the disk.`;
    if (!this.#isOverQuota) return undefined;
    return 'The journal has reached its quota: bodies are not recorded. Let the recorder catch up, or raise journal.quota.';
  }

  // Slow duties, once a second.

  #startUpkeep(): void {
    this.#noticeStall();
    if (this.#upkeep !== undefined || this.#isClosed) return;
    this.#upkeep = this.#lookAfter().finally(() => {
      this.#upkeep = undefined;
    });
  }

  #noticeStall(): void {
    const startedAtUs = this.#writeStartedAtUs ?? this.#segments.syncStartedAtUs;
    if (startedAtUs === undefined || this.#clock.nowUs() - startedAtUs < stallUs) return;
    this.#isStalled = true;
    this.#settleAll();
  }

  /** Never rejects: what fails is tried again the next time. */
  async #lookAfter(): Promise<void> {
    const duties = [
      () => this.#keepInPlace(),
      () => this.#showLife(),
      () => this.#endOldSegment(),
      () => this.#recoverFromFullDisk(),
      () => this.#keepQuota(),
    ];
    for (const duty of duties) {
      await duty().catch(noop);
    }
  }

  /** When somebody deleted or moved the file we write, its bytes are put back and another one is begun. */
  async #keepInPlace(): Promise<void> {
    const segment = this.#segments.current;
    if (segment === undefined || (await segment.isInPlace())) return;
    await this.#running;
    if (this.#segments.current !== segment) return;
    this.#segments.detach(segment);
    this.#writeErrors += 1;
    this.#restoring = this.#restore(segment);
    await this.#restoring;
    this.#restoring = undefined;
    this.#wake();
  }

  /** Never rejects. Nothing is written meanwhile. */
  async #restore(segment: SegmentFile): Promise<void> {
    let survivor = segment.number;
    try {
      await this.#fs.mkdir(this.#directory);
      await segment.restore();
    } catch {
      survivor = 0;
    }
    for (const log of this.#open.list()) log.segmentsLost(survivor);
    this.#segments.leave(segment);
  }

  /** A recorder that cannot see our process (it runs in another container) takes a journal without changes for dead. */
  async #showLife(): Promise<void> {
    const segment = this.#segments.current;
    const nowUs = this.#clock.nowUs();
    if (segment === undefined || nowUs - this.#lifeShownAtUs < lifeEveryUs) return;
    this.#lifeShownAtUs = nowUs;
    await this.#fs.setModifiedAt(segment.path, Date.now());
  }

  async #endOldSegment(): Promise<void> {
    if (this.#segments.isDue) this.#wake();
  }

  async #recoverFromFullDisk(): Promise<void> {
    if (this.#isDiskFull && !(await this.#ballast.hasRoom())) return;
    this.#isDiskFull = false;
    if (this.#failure === undefined) await this.#ballast.keep();
  }

  async #keepQuota(): Promise<void> {
    if (this.#quotaCheckedAtBytes === this.#writtenBytes && !this.#isOverQuota) return;
    this.#quotaCheckedAtBytes = this.#writtenBytes;
    this.#isOverQuota = !(await this.#quota.keep());
  }

  get #pendingBytes(): number {
    return this.#queue.bytes + this.#inFlightBytes;
  }

  #allBytesDropped(): Record<string, number> {
    const dropped = { ...this.#bytesDropped };
    if (this.#quota.bytesThinned > 0) dropped.quota = (dropped.quota ?? 0) + this.#quota.bytesThinned;
    return dropped;
  }
}

/**
 * How long frames gather that nobody waits for, and up to how many bytes. A hundred streams of 50 events a second
 * need 200 writes instead of some 2,000; a body is held in memory no longer than that.
 */
const gatherMs = 5;
const gatheredBytesMax = 256 * 1024;
/** A failed write is tried once more in a new segment before anybody is told. */
const attemptsMax = 2;
const retryDelayMsMin = 100;
const retryDelayMsMax = 2000;
const stallUs = 5_000_000;
const lifeEveryUs = 10_000_000;
const closeMsMax = 10_000;
/** Heads and ends may go this far over the bound for bodies. */
const headsPendingBytesMax = 16 * 1024 * 1024;

function describeFailure(error: unknown, directory: string): string {
  const code = errorCode(error);
  const cause = error instanceof Error ? error.message : String(error);
  const cure = isDiskFull(error)
    ? 'Free some space.'
    : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? `Make ${directory} writable for the user that runs Throughline.`
      : 'It is tried again; traffic goes on.';
  return `The journal cannot be written (${cause}). ${cure}`;
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise.then(noop, noop), late]);
  clearTimeout(timer);
}

function noop(): void {}
