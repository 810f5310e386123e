import { crc32 } from 'node:zlib';
import { type Gap, type GapReason, type JournalKind, journalKinds, type Side } from '#exchange';
import { combineCrc32 } from './combine-crc32.ts';
import { headerBytes, payloadBytesMax, placeFrame, writeHead } from './format.ts';

/** A frame between the call that made it and the write that takes it to the disk. */
export interface PendingFrame {
  /** Holds the header, and behind it the payload when that is small. */
  readonly slab: Buffer;
  readonly at: number;
  readonly slabBytes: number;
  /** A large payload, not copied. */
  readonly payload: Uint8Array | undefined;
  readonly headCrc: number;
  readonly crc: number;
  /** Size on disk. */
  readonly bytes: number;
  readonly owner: FrameOwner | undefined;
  /** Set for body bytes: these can be given up. */
  readonly side: Side | undefined;
  readonly sequence: number;
  readonly isEnd: boolean;
  /** Set for `exchange-closed`: called once when the frame is as durable as asked, or can not be. */
  settle: (() => void) | undefined;
}

/** What the writer must tell the exchange a frame belongs to. */
export interface FrameOwner {
  /** A frame of this exchange is in the segment with this number. */
  wrote(frame: PendingFrame, segmentNumber: number): void;
  /** A queued piece of a body was given up after it had been taken. */
  gaveUp(side: Side, bytes: number, reason: GapReason): void;
  /** Stands in the place of given-up pieces, with the sequence of the first of them. */
  gapFrame(gap: Gap, sequence: number): FrameToEncode;
  /** `exchange-closed` with counts that include what was given up since it was first encoded. */
  endFrame(sequence: number, settle: (() => void) | undefined): FrameToEncode;
}

export interface FrameToEncode {
  readonly kind: JournalKind;
  readonly flags?: number;
  /** 16 bytes. */
  readonly exchangeId: Uint8Array;
  readonly sequence: number;
  readonly atUs: number;
  readonly payload: Uint8Array;
  /** CRC-32 of the payload when it is known already. */
  readonly payloadCrc?: number | undefined;
  readonly owner?: FrameOwner | undefined;
  readonly side?: Side;
  readonly settle?: (() => void) | undefined;
}

/** Up to here a copy costs less than one more piece in the gathered write. */
const copiedBytesMax = 1024;
const slabBytes = 64 * 1024;

/** Encodes frames into shared memory, so that a small frame costs no allocation of its own. */
export class FrameEncoder {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;

  encode(frame: FrameToEncode): PendingFrame {
    const { payload } = frame;
    const isCopied = payload.length <= copiedBytesMax;
    const needed = headerBytes + (isCopied ? payload.length : 0);
    const at = this.#reserve(needed);
    const slab = this.#slab;
    const head = {
      kind: journalKinds[frame.kind],
      flags: frame.flags ?? 0,
      payloadBytes: payload.length,
      exchangeId: frame.exchangeId,
      sequence: frame.sequence,
      atUs: frame.atUs,
    };
    const headCrc = writeHead(slab, at, head);
    if (isCopied) slab.set(payload, at + headerBytes);
    return {
      slab,
      at,
      slabBytes: needed,
      payload: isCopied ? undefined : payload,
      headCrc,
      crc:
        frame.payloadCrc === undefined
          ? crc32(payload, headCrc)
          : combineCrc32(headCrc, frame.payloadCrc, payload.length),
      bytes: headerBytes + payload.length,
      owner: frame.owner,
      side: frame.side,
      sequence: frame.sequence,
      isEnd: frame.kind === 'exchange-closed',
      settle: frame.settle,
    };
  }

  #reserve(bytes: number): number {
    if (this.#used + bytes > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    return at;
  }
}

/**
 * Binds the frames to the place where they are about to be written and lists the memory to write, in as few pieces
 * as possible. May be called again for another place when the write failed.
 */
export function gatherFrames(frames: readonly PendingFrame[], salt: number, offset: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let slab: Buffer | undefined;
  let from = 0;
  let to = 0;
  for (const frame of frames) {
    placeFrame(frame.slab, frame.at, { salt, offset }, frame.headCrc, frame.crc);
    offset += frame.bytes;
    if (slab !== frame.slab || to !== frame.at) {
      if (slab !== undefined) pieces.push(slab.subarray(from, to));
      slab = frame.slab;
      from = frame.at;
    }
    to = frame.at + frame.slabBytes;
    if (frame.payload === undefined) continue;
    pieces.push(slab.subarray(from, to), frame.payload);
    slab = undefined;
  }
  if (slab !== undefined) pieces.push(slab.subarray(from, to));
  return pieces;
}

/** JSON of a head in at most one frame. Absurdly long values are cut rather than lost as a whole. */
export function encodeHeadPayload(value: object): Buffer {
  const payload = Buffer.from(JSON.stringify(value));
  if (payload.length <= payloadBytesMax) return payload;
  const cut = Object.entries(value).map(([name, field]) => [name, cutValue(field)]);
  return Buffer.from(JSON.stringify({ ...Object.fromEntries(cut), isCut: true }));
}

function cutValue(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, 8192);
  return Array.isArray(value) ? [] : value;
}
