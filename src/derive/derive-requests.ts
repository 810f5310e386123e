import { costNanos, createPriceList, type OwnPrice } from '#prices';
import type { DerivedStore, Store, StoredExchange } from '#store';
import type { Step } from './step.ts';

/** Exchanges in one piece: some 20 ms of work. */
const exchangesPerPiece = 200;

/** One row in `requests` for each exchange of the store. */
export function deriveRequests(
  facts: Store,
  derived: DerivedStore,
  ownPrices: readonly OwnPrice[] = [],
): Step {
  const prices = createPriceList(ownPrices);
  // Paid for is the model that answered; the others are what is known of an answer that does not say.
  const costOf = (exchange: StoredExchange) => {
    const { provider, answeredModel, routedModel, askedModel, receivedAtMs: atMs } = exchange;
    const model = answeredModel ?? routedModel ?? askedModel;
    return costNanos(exchange.usage, prices.priceOf({ provider, model, atMs }));
  };
  return {
    name: 'requests',
    async run() {
      const position = await derived.position('requests');
      const exchanges = await facts.storedAfter(position, exchangesPerPiece);
      const last = exchanges.at(-1);
      if (last === undefined) return 'idle';
      const requests = exchanges.map((exchange) => ({ exchange, costNanos: costOf(exchange) }));
      await derived.requests.append(requests, last.sequence);
      return exchanges.length < exchangesPerPiece ? 'idle' : 'more';
    },
  };
}
