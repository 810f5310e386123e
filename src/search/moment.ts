import type { Moment } from './query.ts';

/** Milliseconds since 1970; `toMs` does not belong to it. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

const agoUnits: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

const agoForm = /^(\d{1,5})(s|m|min|h|d|w)$/i;
const dateForm = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2}))?(Z)?)?$/i;

/** Whether a moment is written so that `intervalOf` understands it. */
export function isMoment(written: string): boolean {
  return (
    /^(?:today|yesterday|now)$/i.test(written) || agoForm.test(written) || calendarOf(written) !== undefined
  );
}

/**
 * The time that a moment covers: `today` and a date are a whole day of the zone, a time of day its minute or second, and
 * `2h` the instant two hours ago.
 */
export function intervalOf({ written }: Moment, { nowMs, zone }: { nowMs: number; zone: string }): Interval {
  const word = written.toLowerCase();
  if (word === 'now') return { fromMs: nowMs, toMs: nowMs };
  const [, count, unit] = agoForm.exec(word) ?? [];
  if (count && unit) {
    const at = nowMs - Number(count) * agoUnits[unit]!;
    return { fromMs: at, toMs: at };
  }
  const calendar = calendarOf(word) ?? dayNear(nowMs, word === 'yesterday' ? -1 : 0, zone);
  const { year, month, day, hour, minute, second, isUtc } = calendar;
  const where = isUtc ? 'UTC' : zone;
  const fromMs = instantOf(Date.UTC(year, month - 1, day, hour ?? 0, minute ?? 0, second ?? 0), where);
  if (hour === undefined) return { fromMs, toMs: instantOf(Date.UTC(year, month - 1, day + 1), where) };
  return { fromMs, toMs: fromMs + (second === undefined ? 60_000 : 1000) };
}

interface Calendar {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour?: number;
  readonly minute?: number;
  readonly second?: number;
  readonly isUtc?: boolean;
}

function calendarOf(written: string): Calendar | undefined {
  const found = dateForm.exec(written);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found
    .slice(1, 7)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const date = new Date(Date.UTC(year!, month! - 1, day!));
  if (year! < 1970 || date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day) return undefined;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined;
  return {
    year: year!,
    month: month!,
    day: day!,
    ...(hour === undefined ? {} : { hour, minute: minute! }),
    ...(second === undefined ? {} : { second }),
    ...(found[7] ? { isUtc: true } : {}),
  };
}

function dayNear(nowMs: number, days: number, zone: string): Calendar {
  const local = new Date(nowMs + offsetMsAt(nowMs, zone));
  const day = new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + days));
  return { year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate() };
}

/** The instant at which clocks of the zone show this; the first one when they show it twice, the change itself when never. */
function instantOf(shownMs: number, zone: string): number {
  const before = offsetMsAt(shownMs - 86_400_000, zone);
  const after = offsetMsAt(shownMs + 86_400_000, zone);
  const candidates = [shownMs - before, shownMs - after].sort((a, b) => a - b);
  return candidates.find((at) => at + offsetMsAt(at, zone) === shownMs) ?? shownMs - before;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far clocks of the zone are ahead of UTC. */
function offsetMsAt(atMs: number, zone: string): number {
  const wholeSecondMs = Math.floor(atMs / 1000) * 1000;
  const parts = formatFor(zone).formatToParts(wholeSecondMs);
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value);
  const shown = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return shown - wholeSecondMs;
}

function formatFor(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  // There are some 600 zones, and their names are checked by this constructor.
  formats.set(zone, format);
  return format;
}
