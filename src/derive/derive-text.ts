import type { DerivedStore, Store, StoredExchange, TextPlace } from '#store';
import { unlessDamaged } from './decoded-body.ts';
import { KnownMessages, saidInExchange } from './said-in-exchange.ts';
import type { Step } from './step.ts';

/**
 * One piece of work ends after the exchange in which one of these is reached. Each is one transaction, and each of those
 * is another piece of the text index that has to be merged: small ones take several times as long.
 */
const piece = { exchanges: 400, ms: 100 };
const exchangesAtOnce = 25;

/** What was said in each exchange, for the search in texts. */
export function deriveText(facts: Store, derived: DerivedStore, known = new KnownMessages()): Step {
  return {
    name: 'text',
    async run() {
      const endMs = performance.now() + piece.ms;
      const places: TextPlace[] = [];
      let through = await derived.position('text');
      // Never ahead of the rows by which it is found out what was deleted.
      const end = await derived.position('requests');
      let listed: StoredExchange[];
      do {
        listed = (await facts.storedAfter(through, exchangesAtOnce)).filter(
          ({ sequence }) => sequence <= end,
        );
        for (const each of listed) {
          if (performance.now() >= endMs && places.length > 0) break;
          const exchange = (await facts.exchange(each.id)) ?? each;
          places.push(await saidAt(facts, exchange, known));
          through = exchange.sequence;
        }
      } while (
        listed.length === exchangesAtOnce &&
        places.length < piece.exchanges &&
        performance.now() < endMs
      );
      if (places.length > 0) await derived.text.append(places, 'text', through);
      return through < (listed.at(-1)?.sequence ?? 0) || listed.length === exchangesAtOnce ? 'more' : 'idle';
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
