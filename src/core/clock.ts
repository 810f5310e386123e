/** Microseconds on the monotonic clock of this process, whole numbers. The journal stamps its frames with the same clock. */
export function nowUs(): number {
  return Math.round(performance.now() * 1000);
}
