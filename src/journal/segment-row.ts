import { dirname } from 'node:path';
import type { JournalConfig } from '#core-config';
import type { SegmentOpened } from '#exchange';
import type { JournalFs } from './journal-fs.ts';
import type { JournalClock } from './open-journal.ts';
import type { FrameEncoder, PendingFrame } from './pending-frame.ts';
import { createSegmentFile, type SegmentFile } from './segment-file.ts';

export interface SegmentRowOptions {
  readonly fs: JournalFs;
  readonly config: JournalConfig;
  /** Directory of this core. */
  readonly directory: string;
  readonly coreId: string;
  readonly startToken: string | undefined;
  readonly clock: JournalClock;
  readonly encoder: FrameEncoder;
  /** Told of every failure that is not returned. */
  readonly countError: () => void;
}

/** The segments of one core, one after the other: which one to write to, and when each is synced. */
export class SegmentRow {
  readonly #options: SegmentRowOptions;
  #current: SegmentFile | undefined;
  /** The current one, and those that nothing is appended to any more but whose last sync is not over. */
  readonly #unsealed = new Set<SegmentFile>();
  readonly #sealing = new Set<Promise<void>>();
  #lastNumber = 0;
  #count = 0;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncStartedAtUs: number | undefined;
  #syncError: unknown;
  #isClosed = false;

  constructor(options: SegmentRowOptions) {
    this.#options = options;
  }

  /** Segments that were begun. */
  get count(): number {
    return this.#count;
  }

  get current(): SegmentFile | undefined {
    return this.#current;
  }

  /** Bytes of all segments that a power cut may take. */
  get unsyncedBytes(): number {
    let bytes = 0;
    for (const segment of this.#unsealed) bytes += segment.unsyncedBytes;
    return bytes;
  }

  /** When the sync began that is under way. */
  get syncStartedAtUs(): number | undefined {
    return this.#syncStartedAtUs;
  }

  /** Why the last sync failed; undefined when it did not. */
  get syncError(): unknown {
    return this.#syncError;
  }

  /** True when it is time for another segment, although nothing waits to be written. */
  get isDue(): boolean {
    const segment = this.#current;
    if (segment === undefined) return false;
    // On a disk that refuses to sync, each new one would be given up as soon as it is there.
    const isFresh = !segment.hasFrames && this.#nowMs() - segment.openedAtMs < syncAgainMs;
    return this.#isFullOrOld(segment) && !(segment.isSyncBroken && isFresh);
  }

  /** The segment for the next write; rejects when none can be had. */
  async toWrite(): Promise<SegmentFile> {
    const segment = this.#current;
    if (segment !== undefined && !this.#isFullOrOld(segment)) return segment;
    const next = await this.#create(segment);
    if (next === segment) return next;
    // From here on readers may see the new file, and take the end of the old one for its end.
    if (segment !== undefined) this.leave(segment);
    const names = this.#syncNames().catch(this.#options.countError);
    next.syncAfter(Promise.all([names, ...this.#sealing]));
    await this.#begin(next);
    this.#current = next;
    this.#unsealed.add(next);
    // Nothing else may follow for a long time.
    this.#syncSoon();
    return next;
  }

  /** A segment that is merely full or old serves on while no file can be made. */
  async #create(previous: SegmentFile | undefined): Promise<SegmentFile> {
    const { fs, directory, coreId } = this.#options;
    try {
      const where = { directory, coreId, number: this.#lastNumber + 1, nowMs: this.#nowMs() };
      const segment = await createSegmentFile(fs, where);
      this.#lastNumber = segment.number;
      return segment;
    } catch (error) {
      if (previous === undefined || previous.isSyncBroken) throw error;
      this.#options.countError();
      return previous;
    }
  }

  async #begin(segment: SegmentFile): Promise<void> {
    const { error } = await segment.append([this.#opened(segment.number)]);
    if (error !== undefined) {
      await segment.discard();
      throw error;
    }
    segment.markBeginning();
    this.#count += 1;
  }

  #isFullOrOld(segment: SegmentFile): boolean {
    const { segmentBytesMax, segmentAgeMsMax } = this.#options.config;
    if (segment.isSyncBroken || segment.offset >= segmentBytesMax) return true;
    return segment.hasFrames && this.#nowMs() - segment.openedAtMs >= segmentAgeMsMax;
  }

  #opened(segmentNumber: number): PendingFrame {
    const { coreId, startToken, clock, encoder } = this.#options;
    const payload: SegmentOpened = {
      version: 1,
      coreId,
      pid: process.pid,
      ...(startToken === undefined ? {} : { startToken }),
      processStartedAtMs: clock.startedAtMs,
      segmentNumber,
    };
    return encoder.encode({
      kind: 'segment-opened',
      exchangeId: noExchange,
      sequence: 0,
      atUs: clock.nowUs(),
      payload: Buffer.from(JSON.stringify(payload)),
    });
  }

  /** A new file is only safe from a power cut when its name is, and the names of the directories it lies in. */
  async #syncNames(): Promise<void> {
    const { fs, directory, config } = this.#options;
    for (const place of [directory, config.directory, dirname(config.directory)]) {
      const fd = await fs.openDirectory(place);
      try {
        await fs.fdatasync(fd);
      } finally {
        await fs.close(fd);
      }
    }
  }

  /** Nothing is appended to it any more. Sealed in the background: the next one need not wait for its sync. */
  leave(segment: SegmentFile): void {
    this.detach(segment);
    const sealed = this.#seal(segment).finally(() => this.#sealing.delete(sealed));
    this.#sealing.add(sealed);
  }

  /** Takes the segment out without sealing it. */
  detach(segment: SegmentFile): void {
    if (this.#current === segment) this.#current = undefined;
  }

  /** After a write: at once when somebody waits for it, else with everything of the next interval. */
  wrote(segment: SegmentFile): void {
    if (segment.hasWaiting) this.#sync();
    else this.#syncSoon();
  }

  #syncSoon(): void {
    if (this.#syncTimer !== undefined || this.#isClosed) return;
    this.#syncTimer = setTimeout(() => this.#sync(), this.#options.config.fsyncIntervalMs);
    this.#syncTimer.unref();
  }

  #sync(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    const segment = this.#current;
    if (segment === undefined || !segment.isDirty) return;
    this.#syncStartedAtUs ??= this.#options.clock.nowUs();
    void segment.sync().then((error) => {
      this.#syncStartedAtUs = undefined;
      this.#noteSync(segment, error);
      if (segment.hasWaiting && !this.#isClosed) this.#sync();
    });
  }

  /** No timer runs any more; the segment stays until `close`. */
  stopSyncing(): void {
    this.#isClosed = true;
    clearTimeout(this.#syncTimer);
  }

  async close(): Promise<void> {
    const segment = this.#current;
    this.#current = undefined;
    if (segment !== undefined) await this.#seal(segment);
  }

  async #seal(segment: SegmentFile): Promise<void> {
    const error = await segment.seal();
    this.#unsealed.delete(segment);
    this.#noteSync(segment, error);
  }

  #noteSync(segment: SegmentFile, error: unknown): void {
    if (error !== undefined) this.#options.countError();
    if (error !== undefined || !segment.isSyncBroken) this.#syncError = error;
  }

  #nowMs(): number {
    return this.#options.clock.nowUs() / 1000;
  }
}

/** How often a disk that refused to sync is tried again while nothing else has to be written. */
const syncAgainMs = 5_000;

const noExchange = new Uint8Array(16);
