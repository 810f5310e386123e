const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Longest duration that a configuration may name; Node's timers overflow a little above 24 days. */
const durationMsMax = 21 * 24 * 3_600_000;

/**
 * Reads a duration such as `600s`, `10m`, `1h30m` or `500ms`; `0` needs no unit.
 * @returns milliseconds, or undefined when the text is not a duration of at most 21 days
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 40 || !/^(?:\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * unitMs[unit!]!;
  }
  const rounded = Math.round(totalMs);
  return rounded <= durationMsMax ? rounded : undefined;
}
