import type { CoreProvider, FallbackStep } from '#core-config';
import type { ReadConfig } from './config-schema.ts';

type Resilience = Pick<CoreProvider, 'retries' | 'breaker' | 'fallback' | 'fallbackStayMs'>;

/** What is done when a provider fails; nothing stays empty, so that core can tell it from what is configured. */
export function resolveResilience(name: string, { providers }: Pick<ReadConfig, 'providers'>): Resilience {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (provider === undefined) return {};
  const { retries, circuit_breaker: breaker, fallback_stay: stayMs } = provider;
  const max = retries.max ?? provider.max_retries;
  const fallback = provider.fallback ?? fallbackProviders(name, providers);
  return {
    ...(max === 0 ? {} : { retries: { max, on: retries.on, maxWaitMs: retries.max_wait } }),
    ...(breaker.enabled ? { breaker: { failuresMax: breaker.max_failures, pauseMs: breaker.timeout } } : {}),
    ...(fallback.length === 0 ? {} : { fallback }),
    ...(stayMs === 0 ? {} : { fallbackStayMs: stayMs }),
  };
}

/** The older way: each names the next one. */
function fallbackProviders(name: string, providers: ReadConfig['providers']): FallbackStep[] {
  const steps: FallbackStep[] = [];
  let next = providers[name]?.fallback_provider;
  while (next !== undefined && next !== name && !steps.some(({ provider }) => provider === next)) {
    steps.push({ provider: next });
    next = Object.hasOwn(providers, next) ? providers[next]?.fallback_provider : undefined;
  }
  return steps;
}
