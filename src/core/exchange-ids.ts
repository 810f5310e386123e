import { randomFillSync } from 'node:crypto';
import { type ExchangeId, newExchangeId } from '#exchange';

/** Filled once for 400 ids: one small call for randomness per request would cost more than the id itself. */
const pool = Buffer.alloc(4_000);
let used = pool.length;

export function nextExchangeId(nowMs: number): ExchangeId {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = newExchangeId(nowMs, pool.subarray(used, used + 10));
  used += 10;
  return id;
}
