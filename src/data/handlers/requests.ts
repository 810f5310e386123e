import type { OpenRequest, RouteKey, RouteQuery } from '#api';
import type { DeletionNote, ExchangeFilter } from '#store';
import { ApiProblem } from '../api-problem.ts';
import { exchangeFilter } from '../exchange-filter.ts';
import { findExchange } from '../find-exchange.ts';
import type { Handlers } from '../handler.ts';
import { refuseUnintended } from '../refuse-unintended.ts';
import { requestDetail } from '../request-detail.ts';
import { instantText } from '../request-summary.ts';
import type { StoreAccess } from '../store-access.ts';
import type { Ask } from '../sum-rows.ts';
import { requestBodyHandler } from './request-body.ts';
import { requestListHandlers } from './request-lists.ts';

type RequestRoute = Extract<RouteKey, `requests.${string}`>;

export interface RequestSources {
  readonly access: StoreAccess;
  readonly ask: Ask;
  readonly nowMs: () => number;
  readonly openRequests: () => Promise<OpenRequest[]>;
  /** Begins the note of one deletion; see `openDeletions`. */
  readonly noteDeletion: () => DeletionNote;
}

export function requestHandlers({
  access,
  ask,
  nowMs,
  openRequests,
  noteDeletion,
}: RequestSources): Handlers<RequestRoute> {
  return {
    ...requestListHandlers({ access, ask, nowMs }),
    'requests.body': requestBodyHandler(access),
    'requests.latestDate': async () => {
      const ms = await access.use((store) => store.latestReceivedAtMs());
      return { body: { latestDate: ms === undefined ? null : instantText(ms) } };
    },
    'requests.open': async () => ({ body: await openRequests() }),
    'requests.one': async ({ id }) => {
      const request = await access.use(async (store) => requestDetail(store, await findExchange(store, id)));
      return { body: { request, fullId: request.requestId } };
    },
    'requests.one.v2': async ({ id }) => {
      const body = await access.use(async (store) => requestDetail(store, await findExchange(store, id)));
      return { body };
    },
    'requests.clear': async (input) => {
      refuseUnintended(input.request);
      const filter = deletionFilter(input.query);
      if (input.query.dry_run === '1' || input.query.dry_run === 'true') {
        const matched = await access.use((store) => store.count(filter));
        return { body: { deleted: 0, matched, message: 'Nothing was deleted' } };
      }
      const note = noteDeletion();
      const { exchanges } = await access.use((store) => store.delete(filter, (ids) => note.add(ids)));
      return { body: { deleted: exchanges, message: 'Request history cleared' } };
    },
  };
}

/** In a list half a range counts as none. Here that would delete everything. */
function deletionFilter(query: RouteQuery<'requests.clear'>): ExchangeFilter {
  if ((query.start === undefined) !== (query.end === undefined)) {
    throw new ApiProblem(
      'bad-parameter',
      'Give both start and end, or use since or before: half a range would not restrict what is deleted.',
    );
  }
  return exchangeFilter(query);
}
