/** How an attempt ended, as far as it matters here. */
export type Outcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** `Retry-After` of the answer. */
      readonly retryAfter?: string;
      /** `x-should-retry` of the answer, with which a provider says more than its status does. */
      readonly shouldRetry?: string;
    }
  /** `connection`: there was none, or it broke before an answer. `timeout`: silence. */
  | { readonly kind: 'no-answer'; readonly why: 'connection' | 'timeout' }
  /** The client left, or we did. Says nothing about the provider. */
  | { readonly kind: 'abandoned' };

/**
 * What an attempt says about its provider. Mistakes of the client say nothing, whichever way: a provider that is down for
 * everybody else may still refuse them.
 */
export function verdictOn(outcome: Outcome): 'works' | 'fails' | 'nothing' {
  if (outcome.kind === 'abandoned') return 'nothing';
  if (outcome.kind === 'no-answer') return 'fails';
  const { status } = outcome;
  if (status >= 500 || status === 429 || status === 408) return 'fails';
  return status >= 400 ? 'nothing' : 'works';
}

/** The end of a sentence that begins with the provider. */
export function outcomeInWords(outcome: Outcome): string {
  if (outcome.kind === 'answered') return `answered ${outcome.status}`;
  if (outcome.kind === 'abandoned') return 'was left';
  return outcome.why === 'timeout' ? 'was silent for too long' : 'could not be reached or broke off';
}
