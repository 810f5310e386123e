import type { DerivedStore, Store, StoredExchange, TextPlace } from '#store';
import { unlessDamaged } from './decoded-body.ts';
import { KnownMessages, saidInExchange } from './said-in-exchange.ts';
import type { Step } from './step.ts';

/** One piece of work ends after the exchange in which one of these is reached. */
const piece = { exchanges: 50, ms: 30 };

/** What was said in each exchange, for the search in texts. */
export function deriveText(facts: Store, derived: DerivedStore, known = new KnownMessages()): Step {
  return {
    name: 'text',
    async run() {
      const position = await derived.position('text');
      const exchanges = await facts.storedAfter(position, piece.exchanges);
      const endMs = performance.now() + piece.ms;
      const places: TextPlace[] = [];
      let through = position;
      for (const listed of exchanges) {
        if (performance.now() >= endMs && through > position) break;
        const exchange = (await facts.exchange(listed.id)) ?? listed;
        places.push(await saidAt(facts, exchange, known));
        through = exchange.sequence;
      }
      if (through > position) await derived.text.append(places, 'text', through);
      return through < (exchanges.at(-1)?.sequence ?? 0) || exchanges.length === piece.exchanges
        ? 'more'
        : 'idle';
    },
  };
}

/** What an exchange says, at its place. */
export async function saidAt(
  facts: Store,
  exchange: StoredExchange,
  known: KnownMessages,
): Promise<TextPlace> {
  return {
    source: 'wire',
    place: exchange.sequence,
    sessionId: exchange.sessionId,
    agentId: exchange.agentId,
    atMs: exchange.receivedAtMs,
    ...(await unlessDamaged(saidInExchange(facts, exchange, known), { said: [] })),
  };
}
