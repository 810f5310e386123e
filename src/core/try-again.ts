import type { AttemptEnded } from '#exchange';
import { isBad, type Outcome } from '#resilience';
import type { CoreContext } from './core-context.ts';
import type { RunningExchange } from './running-exchange.ts';

/**
 * Tells the breaker how an attempt went, and whether another one follows. When it does, this attempt is over and the
 * caller has nothing more to do; when not, why not stands beside the attempt.
 * @param isOver false for an answer that has only begun: its breaker hears of it at its end, except that a probe has shown
 * enough: nobody has to wait for the end of a long stream
 */
export function triesAgain(
  { breakers }: CoreContext,
  exchange: RunningExchange,
  outcome: Outcome,
  ended: Omit<AttemptEnded, 'attempt' | 'reason'>,
  isOver = true,
): boolean {
  const { tried, perseverance } = exchange;
  if (tried !== undefined && (isOver || tried.isProbe)) {
    exchange.tried = isOver ? undefined : { ...tried, isProbe: false };
    breakers.note(tried, outcome);
  }
  if (perseverance === undefined) return false;
  const move = perseverance.after(outcome);
  exchange.attemptRemark = move.reason;
  if (move.kind === 'take') {
    perseverance.settle(!isBad(outcome));
    return false;
  }
  exchange.endAttempt(ended);
  exchange.upstreamRequest?.destroy();
  exchange.upstreamRequest = undefined;
  perseverance.go(move);
  return true;
}
