import type { CoreConfig } from '#core-config';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failExchange } from './fail.ts';
import type { RunningExchange } from './running-exchange.ts';
import { triesAgain } from './try-again.ts';

/** How long the end of an answer waits for a journal that neither writes nor fails, microseconds. */
const endHeldUsMax = 5_000_000;

/** A check that comes so much later than it should was held up by more than work. */
const lateMs = 1_000;

/**
 * Watches all running exchanges with one timer: limits on silence, none on the total time. Costs an exchange
 * nothing but two timestamps. Returns a function that stops the watch.
 */
export function watchDeadlines(core: CoreContext): () => void {
  const everyMs = checkEveryMs(core.config);
  let lastAtUs = nowUs();
  let hasPassed = false;
  const timer = setInterval(() => {
    try {
      const atUs = nowUs();
      const isLate = atUs - lastAtUs > (everyMs + lateMs) * 1_000;
      lastAtUs = atUs;
      // This process stood still. What arrived meanwhile is read right after this, and then it can be judged.
      hasPassed = isLate && !hasPassed;
      if (hasPassed) return;
      for (const exchange of core.running.list()) checkDeadline(core, exchange, atUs);
    } catch (error) {
      core.log.error('the check of deadlines failed', { error: String(error) });
    }
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function checkEveryMs({ timeouts, providers }: CoreConfig): number {
  const limits = [
    ...[timeouts.clientBodyIdleMs, timeouts.upstreamFirstByteMs, timeouts.upstreamIdleMs],
    ...providers.flatMap((provider) => [provider.timeouts?.firstByteMs ?? 0, provider.timeouts?.idleMs ?? 0]),
  ];
  return Math.min(1_000, Math.max(10, ...[Math.min(...limits.filter((ms) => ms > 0), 4_000) / 4]));
}

function checkDeadline(core: CoreContext, exchange: RunningExchange, atUs: number): void {
  const { clientBodyIdleMs, upstreamFirstByteMs, upstreamIdleMs } = limitsOf(core, exchange);
  if (exchange.answerPhase === 'ending') {
    if (atUs - exchange.endingAtUs > endHeldUsMax) exchange.releaseEnd();
  } else if (exchange.answerPhase === 'relaying') {
    // A client that reads slowly, or not at all, may do so: it holds one connection and bounded memory.
    if (!exchange.isProviderPaused && isOver(exchange.providerActiveAtUs, upstreamIdleMs, atUs)) {
      silent(core, exchange, 'upstream-timeout', `no byte of the answer for ${upstreamIdleMs} ms`);
    }
  } else if (exchange.answerPhase === 'none' && exchange.perseverance?.isWaiting !== true) {
    if (exchange.isUploaded) {
      if (isOver(exchange.clientActiveAtUs, upstreamFirstByteMs, atUs))
        silent(core, exchange, 'upstream-timeout', `no answer for ${upstreamFirstByteMs} ms`);
    } else if (exchange.isClientPaused) {
      if (isOver(exchange.clientActiveAtUs, upstreamIdleMs, atUs))
        silent(core, exchange, 'upstream-timeout', `the provider read nothing for ${upstreamIdleMs} ms`);
    } else if (isOver(exchange.clientActiveAtUs, clientBodyIdleMs, atUs)) {
      silent(core, exchange, 'request-timeout', `no byte of the request for ${clientBodyIdleMs} ms`);
    }
  }
}

/** Those of the provider, where it has some of its own. */
function limitsOf({ config, upstreams }: CoreContext, { provider }: RunningExchange): CoreConfig['timeouts'] {
  const silence = upstreams.get(provider)?.silence;
  if (silence === undefined) return config.timeouts;
  return {
    ...config.timeouts,
    upstreamFirstByteMs: silence.firstByteMs,
    upstreamIdleMs: silence.idleMs,
  };
}

function isOver(sinceUs: number, limitMs: number, atUs: number): boolean {
  return limitMs > 0 && atUs - sinceUs > limitMs * 1000;
}

function silent(
  core: CoreContext,
  exchange: RunningExchange,
  code: 'upstream-timeout' | 'request-timeout',
  cause: string,
): void {
  if (exchange.isAttemptOpen && code === 'upstream-timeout') {
    core.providerHealth.failed(exchange.provider, cause);
    if (triesAgain(core, exchange, { kind: 'no-answer', cause }, { result: 'timed-out', cause })) return;
    exchange.endAttempt({ result: 'timed-out', cause });
  }
  failExchange(core, exchange, { problem: { code, detail: cause }, end: 'timed-out', cause });
}
