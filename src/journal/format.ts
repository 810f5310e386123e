/**
 * The journal on disk, version 1.
 *
 * A journal is a directory `<journal.directory>/<coreId>/` (mode 0700) of segment files `00000001.seg`,
 * `00000002.seg` … (mode 0600). One core process writes one directory and only ever appends to its newest segment.
 * A segment is a row of frames with nothing between them; its first frame is `segment-opened`. Little-endian:
 *
 * ```
 *  0  magic         4  F5 54 4C 4A; F5 occurs in no UTF-8 text
 *  4  crc           4  CRC-32 of bytes 10… of the header and of the payload, XOR the place mask
 *  8  head check    2  CRC-32 of bytes 10… of the header folded to 16 bits, XOR the folded place mask
 * 10  kind          1  see `journalKinds`
 * 11  flags         1  1 = repeated, 2 = thinned
 * 12  payload bytes 4  at most 1 MiB
 * 16  exchange id  16  zeros for `segment-opened`
 * 32  sequence      4  counts the frames of one exchange from 0
 * 36  at            8  microseconds since the start of the process, float64
 * 44  payload          UTF-8 JSON for heads, raw bytes for the kinds that end in `-bytes`
 * ```
 *
 * The place mask ties a frame to its core, segment and offset. A frame that a body carries in its payload, or that
 * a disk moved elsewhere, therefore never passes for a frame of its own. The head check lets a reader that looks
 * for its way in damaged bytes dismiss a false magic without reading a megabyte.
 *
 * *Repeated* frames say again what an earlier, lost segment said. *Thinned* frames are bodies given up for the
 * quota: the header stands where it stood, `crc` covers the header alone, and the payload is a hole in a sparse
 * file. So offsets never change once they are written.
 */
import { crc32 } from 'node:zlib';

export const headerBytes = 44;
export const payloadBytesMax = 1024 * 1024;
export const frameFlags = { repeated: 1, thinned: 2 } as const;
export const frameMagic = Buffer.from([0xf5, 0x54, 0x4c, 0x4a]);
const magicNumber = frameMagic.readUInt32LE(0);
/** The checks cover the header from here on. */
const coveredFrom = 10;

export interface FrameHead {
  readonly kind: number;
  readonly flags: number;
  readonly payloadBytes: number;
  /** 16 bytes. */
  readonly exchangeId: Uint8Array;
  readonly sequence: number;
  readonly atUs: number;
}

/** Two segments have the same salt only by accident, one in four milliards. */
export function segmentSalt(coreId: string, segmentNumber: number): number {
  return crc32(`${coreId}/${segmentNumber}`);
}

/** 32 bits that no other offset below 4 GiB of the same segment has. */
function placeMask(salt: number, offset: number): number {
  return (Math.imul(offset >>> 0, 0x9e3779b1) ^ salt) >>> 0;
}

function fold(bits: number): number {
  return (bits ^ (bits >>> 16)) & 0xffff;
}

/**
 * Writes all of a header but its place-bound checks.
 * @returns CRC-32 of the covered part of the header, which `placeFrame` needs
 */
export function writeHead(target: Buffer, at: number, head: FrameHead): number {
  target.writeUInt32LE(magicNumber, at);
  target[at + 10] = head.kind;
  target[at + 11] = head.flags;
  target.writeUInt32LE(head.payloadBytes, at + 12);
  target.set(head.exchangeId, at + 16);
  target.writeUInt32LE(head.sequence, at + 32);
  target.writeDoubleLE(head.atUs, at + 36);
  return coveredCrc(target, at);
}

/** CRC-32 of the covered part of a header: for 34 bytes this loop takes a quarter of a call into zlib. */
function coveredCrc(header: Buffer, at: number): number {
  let crc = -1;
  for (let i = at + coveredFrom; i < at + headerBytes; i += 1) {
    crc = (crc >>> 8) ^ crcOfByte[(crc ^ header[i]!) & 0xff]!;
  }
  return ~crc >>> 0;
}

const crcOfByte = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * Binds a header to the offset at which it is about to be written; may be repeated for another place.
 * @param headCrc what `writeHead` returned
 * @param crc CRC-32 of header and payload: `crc32(payload, headCrc)`, or `headCrc` itself for a thinned frame
 */
export function placeFrame(
  target: Buffer,
  at: number,
  place: { readonly salt: number; readonly offset: number },
  headCrc: number,
  crc: number,
): void {
  const mask = placeMask(place.salt, place.offset);
  target.writeUInt32LE((crc ^ mask) >>> 0, at + 4);
  target.writeUInt16LE(fold(headCrc) ^ fold(mask), at + 8);
}

/** A whole frame in one buffer; for the seldom frames. */
export function encodeFrame(
  head: Omit<FrameHead, 'payloadBytes'>,
  payload: Uint8Array,
  place: { readonly salt: number; readonly offset: number },
): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  const headCrc = writeHead(frame, 0, { ...head, payloadBytes: payload.length });
  frame.set(payload, headerBytes);
  placeFrame(frame, 0, place, headCrc, crc32(payload, headCrc));
  return frame;
}

export type HeadCheck =
  | { readonly kind: 'false' }
  | {
      readonly kind: 'plausible';
      readonly headCrc: number;
      readonly payloadBytes: number;
      readonly isThinned: boolean;
    };

const falseHead: HeadCheck = { kind: 'false' };

/** Whether a header can stand here. Needs `headerBytes` bytes from `at`. */
export function checkHead(
  source: Buffer,
  at: number,
  place: { readonly salt: number; readonly offset: number },
): HeadCheck {
  if (source.readUInt32LE(at) !== magicNumber) return falseHead;
  const payloadBytes = source.readUInt32LE(at + 12);
  if (payloadBytes > payloadBytesMax) return falseHead;
  const headCrc = coveredCrc(source, at);
  const expected = fold(headCrc) ^ fold(placeMask(place.salt, place.offset));
  if (source.readUInt16LE(at + 8) !== expected) return falseHead;
  return {
    kind: 'plausible',
    headCrc,
    payloadBytes,
    isThinned: (source[at + 11]! & frameFlags.thinned) !== 0,
  };
}

/** Whether the whole frame is what was written here. Needs header and payload from `at`. */
export function checkFrame(
  source: Buffer,
  at: number,
  place: { readonly salt: number; readonly offset: number },
  head: Extract<HeadCheck, { kind: 'plausible' }>,
): boolean {
  const payload = source.subarray(at + headerBytes, at + headerBytes + head.payloadBytes);
  const crc = head.isThinned ? head.headCrc : crc32(payload, head.headCrc);
  return source.readUInt32LE(at + 4) === (crc ^ placeMask(place.salt, place.offset)) >>> 0;
}

/** @param source a header that passed `checkHead` */
export function readHead(source: Buffer, at: number): FrameHead {
  return {
    kind: source[at + 10]!,
    flags: source[at + 11]!,
    payloadBytes: source.readUInt32LE(at + 12),
    exchangeId: source.subarray(at + 16, at + 32),
    sequence: source.readUInt32LE(at + 32),
    atUs: source.readDoubleLE(at + 36),
  };
}
