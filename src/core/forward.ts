import type { IncomingMessage } from 'node:http';
import { headerValue, type Problem } from '#exchange';
import { outcomeOfAnswer } from '#resilience';
import { type Decision, type Missing, route } from '#routing';
import { type Arrival, accept } from './accept.ts';
import type { AgentClues } from './agent-names.ts';
import { takeAnswer } from './answer.ts';
import { type AttemptFailure, attempt } from './attempt.ts';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failBroken, failExchange } from './fail.ts';
import { HeldBody } from './held-body.ts';
import { type Peeked, peek } from './peek.ts';
import { peekAgentClues, peekBody } from './peek-body.ts';
import { isModelRequest, mayPersevere, Perseverance } from './persevere.ts';
import { type CoreRoute, planRequest, type RequestPlan, withoutQuery } from './plan-request.ts';
import { refuse } from './refuse.ts';
import { relayRequest, relayWhole } from './relay.ts';
import type { RunningExchange } from './running-exchange.ts';
import { Tally } from './tally.ts';
import { teeRewritten } from './tee.ts';
import { AnswerTranslation } from './translate-answer.ts';
import { triesAgain } from './try-again.ts';

/**
 * The life of an exchange: peek, route, accept, plan, attempt, relay both ways; the tee into the journal is part of
 * the relay. Everything after the first lines runs in events. Nothing waits, unless a rule asks for more than the head
 * says or the request has to be said in other words.
 */
export function forward(core: CoreContext, arrival: Arrival): void {
  const { request, response } = arrival;
  const peeked = peek(arrival, new Date());
  const decision = decide(core, peeked);
  if (decision.kind === 'problem') {
    refuse(core, request, response, decision.problem);
    return;
  }
  const problem = unfit(core, peeked);
  if (problem !== undefined) {
    refuse(core, request, response, problem);
    return;
  }
  const exchange = accept(core, arrival);
  // HTTP/1.0 knows no interim answers, so its clients cannot wait for one.
  if (peeked.expectsContinue && request.httpVersion !== '1.0') response.writeContinue();
  if (decision.kind === 'route') {
    sendOn(core, exchange, { arrival, chosen: { ...decision.route, agentName: peeked.agentName } });
    return;
  }
  lookCloser(core, exchange, peeked, decision)
    .then((closer) => sendCloser(core, exchange, arrival, closer))
    .catch((error: unknown) => failInside(core, exchange, error));
}

/** Decides by what is known so far, and counts the decision where several share the work. */
function decide(core: CoreContext, known: Peeked): Decision<CoreRoute['provider']> {
  const decision = route(known, core.config, core.balance);
  if (decision.kind === 'route') core.balance.note(decision.route);
  return decision;
}

/** What is wrong with a request wherever it goes. */
function unfit(core: CoreContext, { bodyBytes = 0, transferCoding }: Peeked): Problem | undefined {
  if (core.running.size >= core.exchangesMax) return { code: 'too-busy' };
  const bytesMax = core.config.limits.requestBytesMax;
  if (bytesMax > 0 && bodyBytes > bytesMax) {
    return { code: 'body-too-large', detail: `${bodyBytes} bytes announced, ${bytesMax} allowed` };
  }
  if (transferCoding !== undefined && transferCoding.toLowerCase() !== 'chunked') {
    return { code: 'bad-request', detail: 'the only transfer coding understood is chunked' };
  }
  return undefined;
}

interface CloserLook {
  readonly decision: Exclude<Decision<CoreRoute['provider']>, { kind: 'missing' }>;
  readonly known: Peeked;
  /** There when a rule asked for the body. */
  readonly held: HeldBody | undefined;
}

/** Finds out what the rules ask for, one thing after the other, until they can decide. */
async function lookCloser(
  core: CoreContext,
  exchange: RunningExchange,
  peeked: Peeked,
  asked: { readonly missing: Missing },
): Promise<CloserLook> {
  let known = peeked;
  let held: HeldBody | undefined;
  let { missing } = asked;
  for (;;) {
    if (missing === 'agent-name') {
      const readClues = (): Promise<AgentClues> => {
        held ??= new HeldBody(core, exchange);
        return peekAgentClues(held);
      };
      known = { ...known, agentName: await core.agentNames.find(known, readClues) };
    } else {
      held ??= new HeldBody(core, exchange);
      known = { ...known, body: await peekBody(held) };
    }
    const decision = decide(core, known);
    if (decision.kind !== 'missing') return { decision, known, held };
    missing = decision.missing;
  }
}

function sendCloser(
  core: CoreContext,
  exchange: RunningExchange,
  arrival: Arrival,
  { decision, known, held }: CloserLook,
): void {
  if (exchange.answerPhase !== 'none') return;
  if (decision.kind === 'problem') {
    failExchange(core, exchange, { problem: decision.problem, end: 'answered-by-us' });
    return;
  }
  const { agentName, body } = known;
  sendOn(core, exchange, {
    arrival,
    chosen: { ...decision.route, agentName, askedModel: body?.model },
    held,
  });
}

interface SendOrder {
  readonly arrival: Arrival;
  readonly chosen: CoreRoute;
  readonly held?: HeldBody | undefined;
  /** There when it is held by somebody who may send it again. */
  readonly body?: Uint8Array;
  /** Since the attempt before this one. */
  readonly waitMs?: number;
  /** Is told instead of the client when the request cannot be said for this provider. */
  readonly refused?: ((sentence: string) => void) | undefined;
}

/** Sends the request where its route leads: once, or until somebody answers it well where that is configured. */
function sendOn(core: CoreContext, exchange: RunningExchange, order: SendOrder): void {
  const { arrival, chosen, held } = order;
  const path = withoutQuery(arrival.path);
  if (!mayPersevere(exchange, path, chosen)) {
    sendOnce(core, exchange, order);
    return;
  }
  Perseverance.begin(core, exchange, { path, chosen, held }, conversationOf(exchange), (next) =>
    sendOnce(core, exchange, { arrival, ...next }),
  )
    .then((tooMuch) => {
      if (tooMuch !== undefined) sendOnce(core, exchange, { arrival, chosen, held: tooMuch });
    })
    .catch((error: unknown) => failInside(core, exchange, error));
}

/** Requests that belong together are served by the same one. */
function conversationOf({ request }: RunningExchange): string | undefined {
  const session = headerValue(request.rawHeaders, 'x-claude-code-session-id');
  if (session === undefined) return undefined;
  return `${session} ${headerValue(request.rawHeaders, 'x-claude-code-agent-id') ?? ''}`.slice(0, 200);
}

/** Plans the request for the provider of the route, and sends it. */
function sendOnce(core: CoreContext, exchange: RunningExchange, order: SendOrder): void {
  exchange.provider = order.chosen.provider.name;
  const plan = planRequest(core, exchange, order);
  if (plan instanceof Promise) {
    plan
      .then((ready) => {
        if (ready !== undefined && exchange.answerPhase === 'none') tryProvider(core, exchange, ready, order);
      })
      .catch((error: unknown) => failInside(core, exchange, error));
  } else {
    tryProvider(core, exchange, plan, order);
  }
}

function tryProvider(
  core: CoreContext,
  exchange: RunningExchange,
  plan: RequestPlan,
  order: SendOrder,
): void {
  const { upstream, path, headers } = plan;
  if (!beginAttempt(core, exchange, plan, order)) {
    const { name } = upstream.provider;
    const detail = plan.model === undefined ? name : `${name}, ${plan.model}`;
    failExchange(core, exchange, { problem: { code: 'breaker-open', detail }, end: 'answered-by-us' });
    return;
  }
  const translation =
    plan.context === undefined ? undefined : new AnswerTranslation(core, exchange, plan.context);
  try {
    // One that was given up for another attempt has no say any more.
    const request = attempt(
      upstream,
      { method: exchange.request.method!, path, headers },
      {
        answered: (answer) => {
          if (exchange.upstreamRequest !== request || isAnsweredBadly(core, exchange, answer)) return;
          if (translation === undefined) takeAnswer(core, exchange, answer);
          else translation.take(answer);
        },
        failed: (failure) => {
          if (exchange.upstreamRequest === request) noAnswer(core, exchange, failure);
        },
        brokeOff: (error) => {
          if (exchange.upstreamRequest !== request) return;
          if (translation === undefined) failBroken(core, exchange, error);
          else translation.brokeOff(error);
        },
      },
    );
    exchange.upstreamRequest = request;
    exchange.forwardedAtUs ??= nowUs();
    if (plan.body === undefined) relayRequest(core, exchange, request, plan.held);
    else sendBody(core, exchange, plan.body, plan.isRewritten === true);
  } catch (error) {
    const cause = (error as Error).message;
    failExchange(core, exchange, {
      problem: { code: 'bad-request', detail: cause },
      end: 'answered-by-us',
      cause,
    });
  }
}

/** Writes down that an attempt begins; false when its breaker keeps it away. */
function beginAttempt(
  core: CoreContext,
  exchange: RunningExchange,
  { upstream, model }: RequestPlan,
  { arrival, waitMs = 0 }: SendOrder,
): boolean {
  const { name, origin } = upstream.provider;
  exchange.tried = undefined;
  if (core.breakers.watches(name) && isModelRequest(exchange.request.method!, withoutQuery(arrival.path))) {
    const admission = core.breakers.admits(name, model);
    if (admission === 'no') return false;
    exchange.tried = { provider: name, model, isProbe: admission === 'as-probe' };
  }
  exchange.attempt += 1;
  exchange.providerRequest = exchange.providerResponse = undefined;
  if (exchange.attempt > 1) {
    exchange.requestSent = new Tally();
    exchange.clientActiveAtUs = nowUs();
  }
  exchange.journal.attemptStarted({
    attempt: exchange.attempt,
    provider: name,
    origin,
    ...(model === undefined ? {} : { model }),
    ...(waitMs === 0 ? {} : { waitMs }),
  });
  exchange.isAttemptOpen = true;
  return true;
}

/** True when another attempt follows instead. */
function isAnsweredBadly(
  core: CoreContext,
  exchange: RunningExchange,
  { statusCode, rawHeaders }: IncomingMessage,
): boolean {
  if (exchange.tried === undefined && exchange.perseverance === undefined) return false;
  const status = statusCode!;
  const outcome = outcomeOfAnswer(status, rawHeaders, Date.now());
  if (!triesAgain(core, exchange, outcome, { result: 'answered', status }, status >= 400)) return false;
  core.providerHealth.answered(exchange.provider);
  return true;
}

/** A body that is whole and may be other bytes than the client's. */
function sendBody(
  core: CoreContext,
  exchange: RunningExchange,
  body: Uint8Array,
  isRewritten: boolean,
): void {
  exchange.requestSent.add(body);
  if (isRewritten) {
    teeRewritten(exchange, body);
    exchange.upstreamRequest!.end(body);
  } else {
    relayWhole(core, exchange, exchange.upstreamRequest!, body);
  }
}

function noAnswer(
  core: CoreContext,
  exchange: RunningExchange,
  { result, problem, cause }: AttemptFailure,
): void {
  if (exchange.answerPhase !== 'none') return;
  if (core.providerHealth.failed(exchange.provider, cause)) {
    core.log.warn('a provider gives no answer', { provider: exchange.provider, problem, cause });
  }
  if (triesAgain(core, exchange, { kind: 'no-answer', cause }, { result, cause })) return;
  exchange.endAttempt({ result, cause });
  failExchange(core, exchange, { problem: { code: problem, detail: cause }, end: 'upstream-broken', cause });
}

function failInside(core: CoreContext, exchange: RunningExchange, error: unknown): void {
  core.log.error('routing a request failed', { error: String(error) });
  failExchange(core, exchange, {
    problem: { code: 'internal' },
    end: 'answered-by-us',
    cause: String(error),
  });
}
