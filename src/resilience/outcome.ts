import { headerValue } from '#exchange';

/** How one try at a provider went, as far as it was seen before the client was told anything. */
export type Outcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** How long the provider asks to be left alone. */
      readonly retryAfterMs?: number;
      /** What the provider itself says about another try (`x-should-retry`). */
      readonly mayRetry?: boolean;
    }
  /** No answer: refused, unreachable, broken off, or silent for too long. */
  | { readonly kind: 'no-answer'; readonly cause: string };

/** `good`: it works. `bad`: it does not, whoever asks. `neutral`: that says something about the request only. */
export type Verdict = 'good' | 'bad' | 'neutral';

/** Other 4xx are mistakes of the client, or about it alone: they say nothing about whether the provider works. */
const badStatuses: ReadonlySet<number> = new Set([408, 429]);

export function verdictOf(outcome: Outcome): Verdict {
  if (outcome.kind === 'no-answer') return 'bad';
  const { status } = outcome;
  if (status >= 500 || badStatuses.has(status)) return 'bad';
  return status < 400 ? 'good' : 'neutral';
}

/** Whether a provider failed, whoever asked. */
export function isBad(outcome: Outcome): boolean {
  return verdictOf(outcome) === 'bad';
}

/** An outcome in words, for reasons. */
export function spoken(outcome: Outcome): string {
  return outcome.kind === 'answered' ? `answered ${outcome.status}` : `gave no answer (${outcome.cause})`;
}

/** Reads what the head of an answer says about itself. @param nowMs for dates in `Retry-After` */
export function outcomeOfAnswer(status: number, headers: readonly string[], nowMs: number): Outcome {
  const retryAfterMs = retryAfterOf(headers, nowMs);
  const should = headerValue(headers, 'x-should-retry')?.trim().toLowerCase();
  return {
    kind: 'answered',
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(should === 'true' || should === 'false' ? { mayRetry: should === 'true' } : {}),
  };
}

/** `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). What cannot be read says nothing. */
function retryAfterOf(headers: readonly string[], nowMs: number): number | undefined {
  const ms = headerValue(headers, 'retry-after-ms')?.trim();
  if (ms !== undefined && /^\d{1,12}(?:\.\d{1,6})?$/.test(ms)) return Math.ceil(Number(ms));
  const written = headerValue(headers, 'retry-after')?.trim();
  if (written === undefined) return undefined;
  if (/^\d{1,9}(?:\.\d{1,6})?$/.test(written)) return Math.ceil(Number(written) * 1000);
  // Only the date of HTTP: Date.parse takes much that is none.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(written)) return undefined;
  const atMs = Date.parse(written);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
