import type { ExchangeEnd, ExchangeOutcome } from '#exchange';

/** What decides how an exchange ended. */
export interface EndFacts {
  /** Absent when the core died. */
  readonly end: ExchangeEnd | undefined;
  /** The terminal event of the stream was seen, or the whole body by its length. */
  readonly isAnswerWhole: boolean;
  /** The stream carried an error event of the provider. */
  readonly hasStreamError: boolean;
}

/**
 * Clients hang up as soon as they have read the terminal event, so a hang-up after it is success. A hang-up after
 * an error event was caused by the provider.
 */
export function outcomeOf({ end, isAnswerWhole, hasStreamError }: EndFacts): ExchangeOutcome {
  switch (end) {
    case 'finished':
      return 'complete';
    case 'client-gone':
      if (isAnswerWhole) return 'complete';
      return hasStreamError ? 'upstream-failed' : 'client-aborted';
    case 'upstream-broken':
    case 'timed-out':
    case 'answered-by-us':
      return 'upstream-failed';
    case 'cut':
      return isAnswerWhole ? 'complete' : 'interrupted';
    case undefined:
      return 'interrupted';
    default:
      end satisfies never;
      return 'interrupted';
  }
}
