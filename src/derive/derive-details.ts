import { headerValue, headerValues } from '#exchange';
import type { DerivedStore, RequestDetails, Store, StoredExchange } from '#store';
import { readRateLimits } from './read-rate-limits.ts';
import type { Step } from './step.ts';

/** One piece of work ends after the exchange in which one of these is reached. */
const piece = { exchanges: 100, ms: 30 };
const namesMax = 64;
const nameCharactersMax = 200;

/** What no list of requests has: it stands in their heads and in what was tried. */
export function deriveDetails(facts: Store, derived: DerivedStore): Step {
  return {
    name: 'details',
    async run() {
      const position = await derived.position('details');
      // Never ahead of the rows that they belong to.
      const end = await derived.position('requests');
      const listed = (await facts.storedAfter(position, piece.exchanges)).filter(
        ({ sequence }) => sequence <= end,
      );
      const endMs = performance.now() + piece.ms;
      const details: RequestDetails[] = [];
      let through = position;
      for (const { id, sequence } of listed) {
        if (performance.now() >= endMs && through > position) break;
        const exchange = await facts.exchange(id);
        // Deleted since it was listed.
        if (exchange !== undefined) details.push(detailsOf(exchange));
        through = sequence;
      }
      if (through > position) await derived.details.append(details, through);
      return through < (listed.at(-1)?.sequence ?? 0) || listed.length === piece.exchanges ? 'more' : 'idle';
    },
  };
}

function detailsOf(exchange: StoredExchange): RequestDetails {
  const { sequence, receivedAtMs: atMs, provider, attempts, requestHeaders, responseHeaders } = exchange;
  return {
    sequence,
    atMs,
    provider,
    route: ruleOf(exchange.routeReason),
    os: short(headerValue(requestHeaders, 'x-stainless-os')),
    betas: betasOf(headerValues(requestHeaders, 'anthropic-beta')),
    attempts: attempts.length,
    limits: readRateLimits(responseHeaders, atMs),
  };
}

/** A reason begins with the name of the rule; what follows says why. */
function ruleOf(reason: string | undefined): string | undefined {
  return short(reason?.split(/[:;,]/, 1)[0]);
}

function betasOf(values: readonly string[]): string[] {
  const all = values.flatMap((value) => value.split(',')).flatMap((name) => short(name) ?? []);
  return [...new Set(all)].slice(0, namesMax);
}

function short(text: string | undefined): string | undefined {
  return text?.trim().slice(0, nameCharactersMax) || undefined;
}
