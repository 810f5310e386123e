import type { HeaderList } from '#exchange';
import type { RateLimit } from '#store';

/** Windows of one answer: nobody has more, and the head comes from outside. */
const windowsMax = 16;
const latestMs = 8_640_000_000_000_000;

/**
 * What an answer says about limits, by window. Knows `anthropic-ratelimit-*` with its unified windows of subscriptions
 * (`5h`, `7d`) and `x-ratelimit-*`. What is no number or no time is left out.
 * @param atMs when the answer came, for times that are given as a distance
 */
export function readRateLimits(headers: HeaderList, atMs: number): RateLimit[] {
  const windows = new Map<string, { -readonly [Name in keyof RateLimit]: RateLimit[Name] }>();
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const found = fieldOf(headers[at]!.toLowerCase());
    if (found === undefined) continue;
    const known = windows.get(found.window) ?? { window: found.window };
    if (!windows.has(found.window) && windows.size >= windowsMax) continue;
    const fact = factOf(found.field, headers[at + 1]!.trim(), atMs);
    if (fact !== undefined) windows.set(found.window, Object.assign(known, fact));
  }
  return [...windows.values()].map(withShare);
}

type Field = 'limit' | 'remaining' | 'reset' | 'status' | 'utilization';

function fieldOf(name: string): { readonly window: string; readonly field: Field } | undefined {
  const anthropic = /^anthropic-ratelimit-([a-z0-9-]{1,40})-(limit|remaining|reset|status|utilization)$/.exec(
    name,
  );
  if (anthropic) {
    const [, window, field] = anthropic;
    return { window: window!.replace(/^unified-/, ''), field: field as Field };
  }
  const other = /^x-ratelimit-(limit|remaining|reset)-([a-z0-9-]{1,40})$/.exec(name);
  return other ? { window: other[2]!, field: other[1] as Field } : undefined;
}

function factOf(field: Field, text: string, atMs: number): Partial<RateLimit> | undefined {
  if (field === 'status') return /^[\w-]{1,40}$/.test(text) ? { status: text } : undefined;
  if (field === 'reset') {
    const resetsAtMs = timeOf(text, atMs);
    return resetsAtMs === undefined ? undefined : { resetsAtMs };
  }
  const number = /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
  if (number === undefined) return undefined;
  return field === 'utilization' ? { used: number } : { [field]: number };
}

/** RFC 3339, seconds since 1970, or a distance such as `6m0s` and `20ms`. */
function timeOf(text: string, atMs: number): number | undefined {
  const ms = /^\d{9,12}$/.test(text)
    ? Number(text) * 1000
    : text.includes('T')
      ? Date.parse(text)
      : distance(text, atMs);
  return ms === undefined || !Number.isFinite(ms) || Math.abs(ms) > latestMs ? undefined : Math.round(ms);
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function distance(text: string, atMs: number): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d)){1,5}$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|s|m|h|d)/g)];
  // The pattern knows no other units.
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit as keyof typeof unitMs],
    atMs,
  );
}

/** Of the windows that are counted, the share follows. */
function withShare(limit: RateLimit): RateLimit {
  if (limit.used !== undefined || !limit.limit || limit.remaining === undefined) return limit;
  return { ...limit, used: Math.max(0, 1 - limit.remaining / limit.limit) };
}
