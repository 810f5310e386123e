import { headerValue, type Problem } from '#exchange';
import { type Arrival, accept } from './accept.ts';
import { takeAnswer } from './answer.ts';
import { type AttemptFailure, attempt } from './attempt.ts';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failBroken, failExchange } from './fail.ts';
import { type RequestHeaders, requestHeadersFor } from './headers.ts';
import { peek } from './peek.ts';
import { refuse } from './refuse.ts';
import { relayRequest } from './relay.ts';
import { isRoute, type Route, route } from './route.ts';
import type { RunningExchange } from './running-exchange.ts';
import type { Upstream } from './upstream.ts';

/**
 * The life of an exchange: peek, route, accept, attempt, relay both ways; the tee into the journal is part of the
 * relay. Everything after the first lines runs in events, nothing here waits.
 */
export function forward(core: CoreContext, arrival: Arrival): void {
  const { request, response } = arrival;
  const chosen = route(peek(request.rawHeaders), core.config);
  const plan = isRoute(chosen) ? planRequest(core, arrival, chosen) : chosen;
  if (!('upstream' in plan)) {
    refuse(core, request, response, plan);
    return;
  }
  const exchange = accept(core, arrival, plan.route);
  // HTTP/1.0 knows no interim answers, so its clients cannot wait for one.
  if (plan.head.expectsContinue && request.httpVersion !== '1.0') response.writeContinue();
  tryProvider(core, exchange, plan);
}

interface Plan {
  readonly route: Route;
  readonly upstream: Upstream;
  readonly head: RequestHeaders;
  readonly path: string;
}

/** Everything that can be decided before a byte of the body was read. */
function planRequest(core: CoreContext, { request, path }: Arrival, chosen: Route): Plan | Problem {
  if (core.running.size >= core.exchangesMax) return { code: 'too-busy' };
  const upstream = core.upstreams.get(chosen.provider.name);
  if (upstream === undefined) throw new Error(`provider "${chosen.provider.name}" has no upstream`);
  const head = requestHeadersFor(request.rawHeaders, request.method!, upstream);
  const bytesMax = core.config.limits.requestBytesMax;
  if (bytesMax > 0 && (head.contentLength ?? 0) > bytesMax) {
    return { code: 'body-too-large', detail: `${head.contentLength} bytes announced, ${bytesMax} allowed` };
  }
  if (head.isChunked && headerValue(request.rawHeaders, 'transfer-encoding')?.toLowerCase() !== 'chunked') {
    return { code: 'bad-request', detail: 'the only transfer coding understood is chunked' };
  }
  return { route: chosen, upstream, head, path };
}

function tryProvider(core: CoreContext, exchange: RunningExchange, { upstream, head, path }: Plan): void {
  const { name, origin } = upstream.provider;
  exchange.journal.attemptStarted({ attempt: 1, provider: name, origin });
  exchange.isAttemptOpen = true;
  try {
    const request = attempt(
      upstream,
      { method: exchange.request.method!, path, headers: head.headers },
      {
        answered: (answer) => takeAnswer(core, exchange, answer),
        failed: (failure) => noAnswer(core, exchange, failure),
        brokeOff: (error) => failBroken(core, exchange, error),
      },
    );
    exchange.upstreamRequest = request;
    exchange.forwardedAtUs = nowUs();
    relayRequest(core, exchange, request);
  } catch (error) {
    const cause = (error as Error).message;
    failExchange(core, exchange, {
      problem: { code: 'bad-request', detail: cause },
      end: 'answered-by-us',
      cause,
    });
  }
}

function noAnswer(
  core: CoreContext,
  exchange: RunningExchange,
  { result, problem, cause }: AttemptFailure,
): void {
  if (exchange.answerPhase !== 'none') return;
  exchange.isAttemptOpen = false;
  exchange.journal.attemptEnded({ attempt: 1, result, cause });
  if (core.providerHealth.failed(exchange.provider, cause)) {
    core.log.warn('a provider gives no answer', { provider: exchange.provider, problem, cause });
  }
  failExchange(core, exchange, { problem: { code: problem, detail: cause }, end: 'upstream-broken', cause });
}
