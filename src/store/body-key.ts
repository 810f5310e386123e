import type { Side } from '#exchange';

/** One number for an exchange and a side, so that bodies need no index besides their own table. */
export function bodyKey(sequence: number, side: Side): number {
  return sequence * 2 + (side === 'request' ? 0 : 1);
}
