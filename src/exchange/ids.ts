/** 32 lowercase hex characters: a UUID version 7 without its dashes, so ids sort by the time of acceptance. */
export type ExchangeId = string & { readonly __brand: 'ExchangeId' };

/**
 * Builds a time-ordered id (RFC 9562, section 5.7).
 * @param nowMs wall clock, milliseconds since 1970
 * @param random ten bytes of randomness
 */
export function newExchangeId(nowMs: number, random: Uint8Array): ExchangeId {
  if (random.length < 10) throw new RangeError(`an exchange id needs 10 random bytes, got ${random.length}`);
  const bytes = scratch;
  bytes.writeUIntBE(Math.max(0, Math.trunc(nowMs)) % 2 ** 48, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex') as ExchangeId;
}

/** A buffer of its own for each id would cost more than everything else about it. */
const scratch = Buffer.alloc(16);

export function isExchangeId(text: string): text is ExchangeId {
  return /^[0-9a-f]{32}$/.test(text);
}

export function exchangeIdToBytes(id: ExchangeId): Buffer {
  return Buffer.from(id, 'hex');
}

/** @param bytes exactly 16 bytes */
export function exchangeIdFromBytes(bytes: Uint8Array): ExchangeId {
  if (bytes.length !== 16) throw new RangeError(`an exchange id has 16 bytes, got ${bytes.length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex') as ExchangeId;
}
