/** So many bytes of bodies pass between two sweeps: 27 requests of 300 kB, 2,000 of 2 kB. */
const sweptBytes = 8 * 1024 * 1024;

/**
 * Frees the buffers of bodies that have passed. They lie outside of V8's heap and hang on objects of a few bytes, so
 * that V8 alone waits for some 64 MiB of them before it looks: most of what core needed for 80 streams at once. A
 * collection of the young generation takes half a millisecond and finds nearly all.
 */
export class BufferSweep {
  readonly #collect: (() => void) | undefined;
  #passedBytes = 0;

  /** @param collect collects the young generation; by default with Node's `gc`, which needs `--expose-gc` */
  constructor(collect = youngCollection()) {
    this.#collect = collect;
  }

  /** Called with each piece of a body. */
  passed(bytes: number): void {
    this.#passedBytes += bytes;
    if (this.#passedBytes < sweptBytes) return;
    this.#passedBytes = 0;
    this.#collect?.();
  }
}

function youngCollection(): (() => void) | undefined {
  const { gc } = globalThis;
  return gc === undefined ? undefined : () => gc({ type: 'minor', execution: 'sync' });
}
