import { type JournalSegment, listJournals } from './journal-directory.ts';
import type { JournalFs } from './journal-fs.ts';
import { thinSegment } from './thin-segment.ts';

/**
 * Bounds what all journals of a host take on the disk. Beyond the bound the bodies in the oldest sealed segments go
 * first, heads and ends stay; when nothing is left to thin, new bodies are refused until there is room again.
 */
export class Quota {
  readonly #fs: JournalFs;
  readonly #directory: string;
  readonly #coreId: string;
  readonly #quotaBytes: number;
  /** Segments that have nothing more to give. */
  readonly #thinned = new Set<string>();
  #isOver = false;
  bodiesThinned = 0;
  bytesThinned = 0;

  constructor(fs: JournalFs, options: { directory: string; coreId: string; quotaBytes: number }) {
    this.#fs = fs;
    this.#directory = options.directory;
    this.#coreId = options.coreId;
    this.#quotaBytes = options.quotaBytes;
  }

  /** Makes room when it must. False when new bodies must be refused for now. Rejects when the disk does. */
  async keep(): Promise<boolean> {
    const segments = (await listJournals(this.#directory)).map((journal) => journal.segments);
    let usedBytes = sum(segments.flat().map((segment) => segment.bytesOnDisk));
    const quotaBytes = await this.#quota(usedBytes);
    // Once over, some room must appear before bodies are taken again: not one body in, one body out.
    const limit = this.#isOver ? quotaBytes * resumeShare : quotaBytes;
    if (usedBytes <= limit) return this.#decide(true);
    this.#forgetMissing(segments.flat());
    for (const segment of oldestFirst(segments.flatMap((ofCore) => this.#sealed(ofCore)))) {
      usedBytes -= await this.#thin(segment);
      if (usedBytes <= quotaBytes * resumeShare) return this.#decide(true);
    }
    return this.#decide(usedBytes <= limit);
  }

  #decide(isWithin: boolean): boolean {
    this.#isOver = !isWithin;
    return isWithin;
  }

  async #quota(usedBytes: number): Promise<number> {
    if (this.#quotaBytes > 0) return this.#quotaBytes;
    const { freeBytes } = await this.#fs.space(this.#directory);
    return Math.min(defaultQuotaBytesMax, (freeBytes + usedBytes) / 10);
  }

  /** The newest segment of a core may still be written. */
  #sealed(ofCore: readonly JournalSegment[]): JournalSegment[] {
    return ofCore.slice(0, -1).filter((segment) => !this.#thinned.has(segment.path));
  }

  async #thin(segment: JournalSegment): Promise<number> {
    this.#thinned.add(segment.path);
    const result = await thinSegment(this.#fs, segment, `${segment.path}.${this.#coreId}`);
    this.bodiesThinned += result.bodies;
    this.bytesThinned += result.bytes;
    return result.bytesFreed;
  }

  #forgetMissing(segments: readonly JournalSegment[]): void {
    const present = new Set(segments.map((segment) => segment.path));
    for (const path of this.#thinned) if (!present.has(path)) this.#thinned.delete(path);
  }
}

const defaultQuotaBytesMax = 5_000_000_000;
const resumeShare = 0.9;

function oldestFirst(segments: JournalSegment[]): JournalSegment[] {
  return segments.sort((a, b) => a.modifiedAtMs - b.modifiedAtMs || a.number - b.number);
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
