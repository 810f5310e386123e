/** Between the first and the last look of which a rate is worth saying. */
const shortestMs = 1_000;

/** How fast work goes forward, over the last while, and when it will be done. */
export class Pace {
  readonly #windowMs: number;
  #looks: { readonly atMs: number; readonly done: number }[] = [];

  constructor(windowMs = 30_000) {
    this.#windowMs = windowMs;
  }

  /** @param atMs of a clock that nobody sets @param done so many are done; fewer than before begin a new work */
  note(atMs: number, done: number): void {
    if (done < (this.#looks.at(-1)?.done ?? 0)) this.#looks = [];
    const last = this.#looks.at(-1);
    // Some thirty looks are exact enough, however often somebody looks.
    if (last !== undefined && this.#looks.length > 1 && atMs - this.#looks.at(-2)!.atMs < this.#windowMs / 30)
      this.#looks.pop();
    this.#looks.push({ atMs, done });
    while (this.#looks.length > 2 && this.#looks[1]!.atMs <= atMs - this.#windowMs) this.#looks.shift();
  }

  /** undefined while too little was seen. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < shortestMs) return undefined;
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
  }

  /** Seconds until so many more are done, at this pace; undefined when nobody can tell. */
  secondsFor(left: number): number | undefined {
    if (left <= 0) return 0;
    const rate = this.perSecond;
    return rate === undefined || rate <= 0 ? undefined : left / rate;
  }
}
