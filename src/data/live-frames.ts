import type { StoredExchange } from '#store';
import { requestSummary } from './request-summary.ts';

/** A line that means nothing: it keeps connections open and shows that the stream lives. */
export const heartbeatFrame: Uint8Array = Buffer.from(':\n\n');

/**
 * One server-sent event. JSON has no line breaks, so one `data:` line is enough.
 * @param id where a listener that breaks off now goes on later; absent = where it would without this event
 */
export function eventFrame(event: string, data: unknown, id?: number): Uint8Array {
  return Buffer.from(
    `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  );
}

export function storedFrame(exchange: StoredExchange): Uint8Array {
  return eventFrame('request-stored', requestSummary(exchange), exchange.sequence);
}
