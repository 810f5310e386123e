import type { ProviderResilience, RouteTarget } from '#core-config';
import type { ReadConfig } from './config-schema.ts';
import type { ReadProvider } from './provider-schema.ts';
import { readRouteTarget } from './route-readers.ts';

/** What happens when a provider fails, out of a configuration that passed all checks; undefined = nothing of ours. */
export function providerResilience(name: string, config: ReadConfig): ProviderResilience | undefined {
  const { max_retries: max, retries, circuit_breaker: breaker } = config.providers[name]!;
  const fallback = fallbackChain(name, config);
  const resilience: ProviderResilience = {
    ...(max === 0 ? {} : { retry: { max, ...retries.on, waitMsMax: retries.max_wait } }),
    ...(breaker.enabled ? { breaker: { failuresMax: breaker.max_failures, openMs: breaker.timeout } } : {}),
    ...(fallback.length === 0 ? {} : { fallback }),
  };
  return Object.keys(resilience).length === 0 ? undefined : resilience;
}

/** The list of the provider, or else whom its `fallback_provider` names, and whom that one names. */
function fallbackChain(name: string, config: ReadConfig): readonly RouteTarget[] {
  const { fallback } = config.providers[name]!;
  if (fallback !== undefined) return fallback.map(checkedTarget);
  const chain: RouteTarget[] = [];
  let next: string | undefined = config.providers[name]?.fallback_provider;
  while (next !== undefined && chain.length < Object.keys(config.providers).length) {
    chain.push({ provider: next });
    const { fallback_provider: further }: ReadProvider = config.providers[next]!;
    next = further;
  }
  return chain;
}

function checkedTarget(written: string): RouteTarget {
  const reading = readRouteTarget(written);
  if ('wrong' in reading) throw new Error(`the fallback ${written} was resolved without a check`);
  return reading.value;
}
