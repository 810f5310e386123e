import type { OpenRequest, RouteKey } from '#api';
import type { DeletionNote } from '#store';
import { findExchange } from '../find-exchange.ts';
import type { Handlers } from '../handler.ts';
import { refuseUnintended } from '../refuse-unintended.ts';
import { requestDetail } from '../request-detail.ts';
import { instantText, present } from '../request-summary.ts';
import type { StoreAccess } from '../store-access.ts';
import { requestBodyHandler } from './request-body.ts';
import { requestListHandlers } from './request-lists.ts';

type RequestRoute = Extract<RouteKey, `requests.${string}`>;

export interface RequestSources {
  readonly access: StoreAccess;
  readonly openRequests: () => Promise<OpenRequest[]>;
  /** Begins the note of one deletion; see `openDeletions`. */
  readonly noteDeletion: () => DeletionNote;
}

export function requestHandlers({
  access,
  openRequests,
  noteDeletion,
}: RequestSources): Handlers<RequestRoute> {
  return {
    ...requestListHandlers(access),
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
      const note = noteDeletion();
      const filter = present({ toMs: input.query.before });
      const { exchanges } = await access.use((store) => store.delete(filter, (ids) => note.add(ids)));
      return { body: { deleted: exchanges, message: 'Request history cleared' } };
    },
  };
}
