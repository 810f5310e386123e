import type { DerivedStore, Store } from '#store';
import type { Step } from './step.ts';

/** Exchanges in one piece: some 20 ms of work. */
const exchangesPerPiece = 200;

/** One row in `requests` for each exchange of the store. */
export function deriveRequests(facts: Store, derived: DerivedStore): Step {
  return {
    name: 'requests',
    async run() {
      const position = await derived.position('requests');
      const exchanges = await facts.storedAfter(position, exchangesPerPiece);
      const last = exchanges.at(-1);
      if (last === undefined) return 'idle';
      const requests = exchanges.map((exchange) => ({ exchange, costNanos: undefined }));
      await derived.requests.append(requests, last.sequence);
      return exchanges.length < exchangesPerPiece ? 'idle' : 'more';
    },
  };
}
