import type { StoredExchange } from '#store';
import type { LivePlace } from './live-listener.ts';
import { requestSummary } from './request-summary.ts';

/** A line that means nothing: it keeps connections open and shows that the stream lives. */
export const heartbeatFrame: Uint8Array = Buffer.from(':\n\n');

/**
 * One server-sent event. JSON has no line breaks, so one `data:` line is enough.
 * @param id where a listener that breaks off now goes on later; absent = where it would without this event
 */
export function eventFrame(event: string, data: unknown, id?: Required<LivePlace>): Uint8Array {
  const idLine = id === undefined ? '' : `id: ${id.epoch}-${id.sequence}\n`;
  return Buffer.from(`${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

export function storedFrame(exchange: StoredExchange, epoch: string): Uint8Array {
  return eventFrame('request-stored', requestSummary(exchange), { epoch, sequence: exchange.sequence });
}
