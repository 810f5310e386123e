import { crc32 } from 'node:zlib';
import {
  type BodySide,
  type Gap,
  type GapReason,
  type JournalKind,
  journalKinds,
  type ProviderGap,
} from '#exchange';
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
  readonly side: BodySide | undefined;
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
  gaveUp(side: BodySide, bytes: number, reason: GapReason): void;
  /** Stands in the place of given-up pieces, with the sequence of the first of them. */
  gapFrame(gap: Gap | ProviderGap, sequence: number): FrameToEncode;
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
  /** Text is written as UTF-8. */
  readonly payload: Uint8Array | string;
  /** CRC-32 of the payload when it is known already. */
  readonly payloadCrc?: number | undefined;
  readonly owner?: FrameOwner | undefined;
  readonly side?: BodySide;
  readonly settle?: (() => void) | undefined;
}

/** Up to here a copy costs less than one more piece in the gathered write. */
const copiedBytesMax = 1024;
const slabBytes = 64 * 1024;
/** Longer texts become a buffer of their own first. */
const slabTextMax = 4096;

/** Encodes frames into shared memory, so that a small frame costs no allocation of its own. */
export class FrameEncoder {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;

  encode(frame: FrameToEncode): PendingFrame {
    if (typeof frame.payload !== 'string') return this.#encodeBytes(frame, frame.payload);
    if (frame.payload.length > slabTextMax) return this.#encodeBytes(frame, Buffer.from(frame.payload));
    return this.#encodeText(frame, frame.payload);
  }

  /** Heads: the text goes straight into the slab. */
  #encodeText(frame: FrameToEncode, text: string): PendingFrame {
    const at = this.#reserve(headerBytes + text.length * utf8BytesPerUnitMax);
    const from = at + headerBytes;
    const written = this.#slab.write(text, from);
    this.#used = from + written;
    const headCrc = this.#writeHead(at, frame, written);
    const crc = crc32(this.#slab.subarray(from, from + written), headCrc);
    return this.#pending(frame, { at, payload: undefined, payloadBytes: written, headCrc, crc });
  }

  #encodeBytes(frame: FrameToEncode, payload: Uint8Array): PendingFrame {
    const isCopied = payload.length <= copiedBytesMax;
    const at = this.#reserve(headerBytes + (isCopied ? payload.length : 0));
    if (isCopied) this.#slab.set(payload, at + headerBytes);
    const headCrc = this.#writeHead(at, frame, payload.length);
    const crc =
      frame.payloadCrc === undefined
        ? crc32(payload, headCrc)
        : combineCrc32(headCrc, frame.payloadCrc, payload.length);
    const own = isCopied ? undefined : payload;
    return this.#pending(frame, { at, payload: own, payloadBytes: payload.length, headCrc, crc });
  }

  #writeHead(at: number, frame: FrameToEncode, payloadBytes: number): number {
    return writeHead(this.#slab, at, {
      kind: journalKinds[frame.kind],
      flags: frame.flags ?? 0,
      payloadBytes,
      exchangeId: frame.exchangeId,
      sequence: frame.sequence,
      atUs: frame.atUs,
    });
  }

  #pending(
    frame: FrameToEncode,
    placed: Pick<PendingFrame, 'at' | 'payload' | 'headCrc' | 'crc'> & { readonly payloadBytes: number },
  ): PendingFrame {
    const bytes = headerBytes + placed.payloadBytes;
    return {
      slab: this.#slab,
      at: placed.at,
      slabBytes: placed.payload === undefined ? bytes : headerBytes,
      payload: placed.payload,
      headCrc: placed.headCrc,
      crc: placed.crc,
      bytes,
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
export function encodeHeadPayload(value: object): string {
  const text = JSON.stringify(value);
  if (text.length * utf8BytesPerUnitMax <= payloadBytesMax || Buffer.byteLength(text) <= payloadBytesMax)
    return text;
  const cut = Object.entries(value).map(([name, field]) => [name, cutValue(field)]);
  return JSON.stringify({ ...Object.fromEntries(cut), isCut: true });
}

/** One unit of a JavaScript string becomes at most three bytes. */
const utf8BytesPerUnitMax = 3;

function cutValue(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, 8192);
  return Array.isArray(value) ? [] : value;
}
