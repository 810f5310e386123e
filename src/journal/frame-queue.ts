import type { BodySide, GapReason } from '#exchange';
import { headerBytes } from './format.ts';
import type { FrameEncoder, FrameOwner, PendingFrame } from './pending-frame.ts';

/** Frames that are not on the disk yet, in order. */
export class FrameQueue {
  #frames: PendingFrame[] = [];
  #bytes = 0;
  #ends = 0;

  /** Bytes they will take on the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** An exchange waits for its last frame. */
  get hasEnd(): boolean {
    return this.#ends > 0;
  }

  push(frame: PendingFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
    if (frame.isEnd) this.#ends += 1;
  }

  /** Takes the first frames out: everything, unless that is more than one write should carry. */
  takeBatch(): PendingFrame[] {
    if (this.#bytes <= batchBytesMax && this.#frames.length <= batchFramesMax) {
      const all = this.#frames;
      this.#frames = [];
      this.#bytes = 0;
      this.#ends = 0;
      return all;
    }
    let count = 0;
    let bytes = 0;
    while (count < this.#frames.length && count < batchFramesMax && bytes < batchBytesMax) {
      bytes += this.#frames[count]!.bytes;
      count += 1;
    }
    const batch = this.#frames.splice(0, count);
    this.#bytes -= bytes;
    this.#ends -= endsIn(batch);
    return batch;
  }

  /** Puts frames that were taken but not written in front again. */
  putBack(frames: readonly PendingFrame[]): void {
    this.#frames = [...frames, ...this.#frames];
    this.#bytes += totalBytes(frames);
    this.#ends += endsIn(frames);
  }

  /** Replaces all queued body pieces by gaps. */
  giveUpBodies(reason: GapReason, encoder: FrameEncoder): void {
    this.#frames = giveUpBodies(this.#frames, reason, encoder);
    this.#bytes = totalBytes(this.#frames);
  }

  /** Lets everybody who waits for an end go on. */
  settleAll(): void {
    settleFrames(this.#frames);
  }
}

export function settleFrames(frames: readonly PendingFrame[]): void {
  for (const frame of frames) {
    frame.settle?.();
    frame.settle = undefined;
  }
}

const batchBytesMax = 8 * 1024 * 1024;
const batchFramesMax = 4096;

function totalBytes(frames: readonly PendingFrame[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.bytes;
  return bytes;
}

function endsIn(frames: readonly PendingFrame[]): number {
  let ends = 0;
  for (const frame of frames) if (frame.isEnd) ends += 1;
  return ends;
}

/** One gap per exchange and side, where its first piece stood; ends are encoded again because they count losses. */
function giveUpBodies(
  frames: readonly PendingFrame[],
  reason: GapReason,
  encoder: FrameEncoder,
): PendingFrame[] {
  const losses = new Map<FrameOwner, Partial<Record<BodySide, Loss>>>();
  const kept: (PendingFrame | Loss)[] = [];
  for (const frame of frames) {
    if (frame.owner === undefined || frame.side === undefined) {
      kept.push(frame);
      continue;
    }
    const bytes = frame.bytes - headerBytes;
    frame.owner.gaveUp(frame.side, bytes, reason);
    const ofOwner = losses.get(frame.owner) ?? {};
    losses.set(frame.owner, ofOwner);
    const known = ofOwner[frame.side];
    if (known === undefined) {
      const loss = { owner: frame.owner, side: frame.side, sequence: frame.sequence, lostBytes: bytes };
      ofOwner[frame.side] = loss;
      kept.push(loss);
    } else {
      known.lostBytes += bytes;
    }
  }
  return kept.map((item) => {
    if ('lostBytes' in item) return encoder.encode(gapFrameOf(item, reason));
    if (!item.isEnd || item.owner === undefined || !losses.has(item.owner)) return item;
    return encoder.encode(item.owner.endFrame(item.sequence, item.settle));
  });
}

interface Loss {
  readonly owner: FrameOwner;
  readonly side: BodySide;
  readonly sequence: number;
  lostBytes: number;
}

function gapFrameOf(loss: Loss, reason: GapReason) {
  return loss.owner.gapFrame({ side: loss.side, bytes: loss.lostBytes, reason }, loss.sequence);
}
