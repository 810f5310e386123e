import type { RequestSummary } from '#api';
import { painted, printable } from './output.ts';

/** One request on one line: when, what, which model, how it went, tokens, how long, whose. */
export function requestLine(row: RequestSummary): string {
  const model = row.answeredModel ?? row.routedModel ?? row.model ?? '-';
  return [
    clock(row.timestamp),
    printable(row.requestId.slice(-8)),
    printable(row.method).padEnd(4),
    printable(row.endpoint).padEnd(12),
    printable(model).padEnd(24),
    statusText(row),
    tokens(row).padEnd(24),
    duration(row.responseTime).padStart(8),
    row.sessionId === undefined ? '' : printable(row.sessionId.slice(0, 8)),
  ]
    .join('  ')
    .trimEnd();
}

/** Local time of day; the date is in `show` and in JSON. */
function clock(timestamp: string): string {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? '--:--:--' : time.toTimeString().slice(0, 8);
}

function statusText(row: RequestSummary): string {
  const status = row.statusCode === undefined ? '---' : String(row.statusCode);
  const isGood = row.outcome === 'complete' && (row.statusCode ?? 0) < 400;
  const text = row.outcome === 'complete' ? status : `${status} ${row.outcome}`;
  return painted(
    isGood ? 'green' : (row.statusCode ?? 0) >= 500 || row.statusCode === undefined ? 'red' : 'yellow',
    text,
  );
}

/** Unknown counts are left out: they are not zero. */
function tokens({ usage }: RequestSummary): string {
  if (usage === undefined) return '-';
  const parts = [`in ${count(usage.input_tokens)}`, `out ${count(usage.output_tokens)}`];
  const cached = usage.cache_read_input_tokens;
  if (cached !== undefined && cached > 0) parts.push(`cache ${count(cached)}`);
  return parts.join(' ');
}

function count(value: number): string {
  if (value < 10_000) return String(value);
  return value < 1_000_000 ? `${Math.round(value / 1000)}k` : `${(value / 1_000_000).toFixed(1)}M`;
}

export function duration(ms: number | undefined): string {
  if (ms === undefined) return '-';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
