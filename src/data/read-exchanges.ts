import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExchangeId } from '#exchange';
import type { Store, StoredExchange } from '#store';

/** Some milliseconds of work: the store reads without letting anybody else have a turn. */
const readAtOnce = 50;

/** The exchanges with these ids in the same order; what was deleted meanwhile is left out. Others get their turn in between. */
export async function readExchanges(store: Store, ids: readonly ExchangeId[]): Promise<StoredExchange[]> {
  const read: StoredExchange[] = [];
  for (const [index, id] of ids.entries()) {
    if (index > 0 && index % readAtOnce === 0) await nextTurn();
    const exchange = await store.exchange(id);
    if (exchange !== undefined) read.push(exchange);
  }
  return read;
}
