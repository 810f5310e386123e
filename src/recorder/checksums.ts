import { crc32 } from 'node:zlib';
import type { BodySide, BodyTally, ExchangeClosed, Side } from '#exchange';

export interface BodyProof {
  /** Bytes that passed core and are not in `bytes`. */
  readonly bytesMissing: number;
  /** Proven: what came in, what went out and what the journal holds are the same bytes, as far as each went. */
  readonly isUnaltered: boolean;
  /** What does not fit, in words; a bug or damage, never normal. */
  readonly mismatch?: string;
}

/**
 * Compares the checksums that core kept on both its ends with the bytes in the journal.
 *
 * When one side hung up, less went out than came in. That is no alteration: then the part that went out must be the
 * beginning of what came in.
 */
export function proveBody(
  side: Side,
  bytes: Uint8Array,
  journal: {
    readonly closed: ExchangeClosed | undefined;
    readonly gapBytes: number;
    /** The answer is our own: nothing was received from a provider. */
    readonly isOwnAnswer: boolean;
    /** A translated exchange has different bytes on its two ends by intent. */
    readonly isTranslated: boolean;
  },
): BodyProof {
  const { closed } = journal;
  if (closed === undefined) return { bytesMissing: journal.gapBytes, isUnaltered: false };
  const isOwn = side === 'response' && journal.isOwnAnswer;
  const received = side === 'request' ? closed.requestReceived : closed.responseReceived;
  const sent = side === 'request' ? closed.requestSent : closed.responseSent;
  const kept = isOwn ? sent : received;

  if (journal.isTranslated) {
    const { isProven, ...proof } = proveKept(side, bytes, side === 'request' ? received : sent);
    return { ...proof, isUnaltered: false };
  }
  const bytesMissing = Math.max(0, kept.bytes - bytes.length);
  if (bytesMissing > 0) return { bytesMissing, isUnaltered: false };
  if (!hasTally(bytes, kept)) {
    return {
      bytesMissing,
      isUnaltered: false,
      mismatch: `the journal holds other ${side} bytes than passed`,
    };
  }
  if (isOwn) return { bytesMissing, isUnaltered: true };
  if (sent.bytes === received.bytes && sent.crc32 === received.crc32)
    return { bytesMissing, isUnaltered: true };
  if (sent.bytes > received.bytes || !hasTally(bytes.subarray(0, sent.bytes), sent)) {
    return {
      bytesMissing,
      isUnaltered: false,
      mismatch: `the ${side} was sent with other bytes than received`,
    };
  }
  if (closed.end === 'finished' && sent.bytes < received.bytes) {
    return { bytesMissing, isUnaltered: false, mismatch: `the ${side} was sent shorter than received` };
  }
  return { bytesMissing, isUnaltered: true };
}

/** A body of which only one end is kept: what passed there and what the journal holds have to be the same bytes. */
export function proveKept(
  side: BodySide,
  bytes: Uint8Array,
  kept: BodyTally,
): { readonly bytesMissing: number; readonly isProven: boolean; readonly mismatch?: string } {
  const bytesMissing = Math.max(0, kept.bytes - bytes.length);
  if (bytesMissing > 0) return { bytesMissing, isProven: false };
  if (hasTally(bytes, kept)) return { bytesMissing, isProven: true };
  return { bytesMissing, isProven: false, mismatch: `the journal holds other ${side} bytes than passed` };
}

function hasTally(bytes: Uint8Array, tally: BodyTally): boolean {
  return bytes.length === tally.bytes && crc32(bytes) === tally.crc32 >>> 0;
}
