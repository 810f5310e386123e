import { isExchangeId } from '#exchange';
import type { Store, StoredExchange } from '#store';
import { ApiProblem } from './api-problem.ts';

/**
 * The exchange with this id, given in full or as a beginning or an end that no other has.
 * Throws `not-found`, or `bad-parameter` when several match.
 */
export async function findExchange(store: Store, text: string): Promise<StoredExchange> {
  const fragment = text.toLowerCase();
  if (!/^[0-9a-f]{1,32}$/.test(fragment)) throw notFound();
  const id = isExchangeId(fragment) ? fragment : await onlyId(store, fragment);
  const exchange = await store.exchange(id);
  if (!exchange) throw notFound();
  return exchange;
}

async function onlyId(store: Store, fragment: string) {
  const [id, another] = await store.findIds(fragment, 2);
  if (id === undefined) throw notFound();
  if (another === undefined) return id;
  throw new ApiProblem(
    'bad-parameter',
    'More than one request matches this id. Give more of its characters.',
  );
}

function notFound(): ApiProblem {
  return new ApiProblem('not-found', 'Request not found');
}
