/** Pings are this far apart. */
export const heartbeatDefaultMs = 2_000;
/** A process that leaves so many beats in a row without an answer hangs: about ten seconds. */
const hangingBeats = 5;
/** One that was replaced and does not answer for so long will not finish anything any more: about half an hour. */
const lostBeats = 900;
/** A beat that comes later than so many intervals says more about this process than about the other one. */
const lateIntervals = 2;

/**
 * Whether a process still does anything. It is pinged at each beat and has until the next ones to answer; nothing is sent
 * while an answer is missing. What counts are beats, not time: where everything was paused, as on a laptop that slept,
 * one late beat says nothing, and the answers that wait are read before the next. A process that never answered may not
 * know how to, and one with a debugger stands still on purpose.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  #missed = 0;
  #isAsked = false;
  #hasAnswered = false;
  #isDebugged = false;
  #lastBeatAtMs: number | undefined;

  constructor(intervalMs: number = heartbeatDefaultMs) {
    this.#intervalMs = intervalMs;
  }

  /**
   * Once every interval.
   * @param atMs monotonic
   * @returns whether to send a ping
   */
  beat(atMs: number): boolean {
    const sinceMs = this.#lastBeatAtMs === undefined ? 0 : atMs - this.#lastBeatAtMs;
    this.#lastBeatAtMs = atMs;
    if (!this.#isAsked) {
      this.#isAsked = true;
      return true;
    }
    const isLate = sinceMs > this.#intervalMs * lateIntervals;
    if (this.#hasAnswered && !this.#isDebugged && !isLate) this.#missed += 1;
    return false;
  }

  answered({ isDebugged = false }: { readonly isDebugged?: boolean }): void {
    this.#isAsked = false;
    this.#hasAnswered = true;
    this.#isDebugged = isDebugged;
    this.#missed = 0;
  }

  get isHanging(): boolean {
    return this.#missed >= hangingBeats;
  }

  get isLost(): boolean {
    return this.#missed >= lostBeats;
  }
}
