/**
 * Options of Node for proxy-core. Nearly everything it allocates is gone with the next piece, but the buffers of
 * bodies lie outside the heap and count against its limit: with Node's own sizes every 10 MB of bodies brought on a
 * full collection.
 *
 * - A small nursery is swept often and cheaply. Some 50 kB survive, so one thread sweeps it: waking others for them
 *   costs more than it saves, and on a busy machine core would stand still until they get their turn.
 * - The buffers found are freed at once for the same reason, not by a thread that may come late.
 * - `gc` is there for `BufferSweep`. With its sweeps the heap may double before a full collection, and no more: three
 *   times as much room saved nothing and took 20 MiB.
 */
export const coreNodeOptions: readonly string[] = [
  '--max-semi-space-size=4',
  '--heap-growing-percent=100',
  '--no-parallel-scavenge',
  '--no-concurrent-array-buffer-sweeping',
  '--expose-gc',
];
