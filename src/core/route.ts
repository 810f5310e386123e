import type { CoreProvider } from '#core-config';
import type { Problem } from '#exchange';
import type { Peeked } from './peek.ts';

/** The decision: where a request goes, as what, and why. */
export interface Route {
  readonly provider: CoreProvider;
  /** A sentence for a person. */
  readonly reason: string;
}

export interface RouteRules {
  readonly providers: readonly CoreProvider[];
  readonly defaultProvider: string;
}

/** Decides by what was peeked. Pure: no clock, no randomness, no I/O. */
export function route(peeked: Peeked, rules: RouteRules): Route | Problem {
  const provider = rules.providers.find(({ name }) => name === rules.defaultProvider);
  if (provider === undefined) {
    return { code: 'no-provider', detail: `the default provider "${rules.defaultProvider}" does not exist` };
  }
  const who = peeked.agentId === undefined ? 'main agent or other client' : `subagent ${peeked.agentId}`;
  return { provider, reason: `default provider, no rule claims it (${who})` };
}

export function isRoute(decision: Route | Problem): decision is Route {
  return 'provider' in decision;
}
