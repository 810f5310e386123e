import type { ExchangeEnd, Problem } from '#exchange';
import { answerWhole } from './answer-whole.ts';
import type { CoreContext } from './core-context.ts';
import { problemAnswer } from './problem-answer.ts';
import type { RunningExchange } from './running-exchange.ts';

/** Why an exchange cannot go on, and how the record shall call it when an answer has already begun. */
export interface Failure {
  readonly problem: Problem;
  readonly end: ExchangeEnd;
  readonly cause?: string;
}

/**
 * Ends an exchange that cannot go on. While the client has seen nothing it gets a problem it can read and retry;
 * once an answer has begun its connection is broken instead: never a clean end, nothing injected.
 */
export function failExchange(core: CoreContext, exchange: RunningExchange, failure: Failure): void {
  if (exchange.answerPhase === 'none') answerProblem(core, exchange, failure.problem, failure.cause);
  else if (exchange.answerPhase === 'relaying') breakAnswer(exchange, failure);
}

/** The provider broke off in the middle of its answer. */
export function failBroken(core: CoreContext, exchange: RunningExchange, error?: Error): void {
  const reason = error === undefined ? '' : ` (${error.message})`;
  failExchange(core, exchange, {
    problem: { code: 'upstream-closed' },
    end: 'upstream-broken',
    cause: `the provider broke off in the middle of its answer${reason}`,
  });
}

function breakAnswer(exchange: RunningExchange, failure: Failure): void {
  exchange.answerPhase = 'over';
  exchange.upstreamRequest?.destroy();
  void exchange.close(failure.end, failure.problem, failure.cause);
  breakConnection(exchange);
}

function answerProblem(core: CoreContext, exchange: RunningExchange, problem: Problem, cause?: string): void {
  exchange.upstreamRequest?.destroy();
  if (exchange.isAttemptOpen) abandonAttempt(exchange, cause);
  const answer = problemAnswer(problem, exchange.id, !exchange.isUploaded || core.isDraining);
  const why = cause === undefined ? {} : { cause };
  answerWhole(exchange, answer, { source: 'throughline', end: 'answered-by-us', problem, ...why });
}

/** The client left, in whatever phase: the provider is left at once too. */
export function clientGone(exchange: RunningExchange): void {
  const wasOpen = exchange.answerPhase === 'none' || exchange.answerPhase === 'relaying';
  exchange.answerPhase = 'over';
  exchange.heldEnd = undefined;
  exchange.upstreamRequest?.destroy();
  if (!wasOpen) return;
  if (exchange.isAttemptOpen) abandonAttempt(exchange, 'the client left');
  void exchange.close('client-gone');
}

/** Cuts an exchange for a stop that does not wait. */
export function cutExchange(exchange: RunningExchange): void {
  if (exchange.answerPhase === 'over') return;
  const wasEnding = exchange.answerPhase === 'ending';
  exchange.answerPhase = 'over';
  exchange.heldEnd = undefined;
  exchange.upstreamRequest?.destroy();
  if (exchange.isAttemptOpen) abandonAttempt(exchange, 'the service was stopped');
  if (!wasEnding) void exchange.close('cut');
  exchange.request.socket.destroy();
}

function abandonAttempt(exchange: RunningExchange, cause: string | undefined): void {
  exchange.endAttempt({ result: 'abandoned', ...(cause === undefined ? {} : { cause }) });
}

/**
 * What came before the break still reaches the client. An answer whose end is the end of the connection would
 * look whole after a normal close, so that one is reset.
 */
function breakConnection({ request, endsWithConnection }: RunningExchange): void {
  if (endsWithConnection) request.socket.resetAndDestroy();
  else request.socket.destroySoon();
}
