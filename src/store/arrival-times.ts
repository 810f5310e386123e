import type { Arrival } from './store.ts';
import { VarintReader, VarintWriter } from './varint.ts';

/** Pairs of distance in time and bytes; a stream of 100 events takes about 400 bytes. */
export function encodeArrivals(arrivals: readonly Arrival[]): Buffer {
  const writer = new VarintWriter();
  let previousUs = 0;
  for (const { afterUs, bytes } of arrivals) {
    const us = wholeNumber(afterUs);
    writer.signed(us - previousUs).number(Math.max(0, wholeNumber(bytes)));
    previousUs = us;
  }
  return writer.finish();
}

/** @throws RangeError when the bytes are damaged */
export function decodeArrivals(encoded: Uint8Array): Arrival[] {
  const reader = new VarintReader(encoded);
  const arrivals: Arrival[] = [];
  let afterUs = 0;
  while (!reader.atEnd) {
    afterUs += reader.signed();
    arrivals.push({ afterUs, bytes: reader.number() });
  }
  return arrivals;
}

// A clock that went wrong must not make an exchange impossible to store.
function wholeNumber(value: number): number {
  if (!Number.isFinite(value)) return 0;
  return Math.max(-1e15, Math.min(1e15, Math.round(value)));
}
