import { isExchangeId } from '#exchange';
import type { ListPlace } from '#store';
import { ApiProblem } from './api-problem.ts';

/** A place in a list as text; clients hand it back and need not know what it says. */
export function writeCursor(place: ListPlace): string {
  return Buffer.from(`${place.receivedAtMs}.${place.id}`).toString('base64url');
}

/** Throws `bad-parameter` when the text is not a cursor of ours. */
export function readCursor(text: string): ListPlace {
  const [time = '', id = ''] = Buffer.from(text.slice(0, 128), 'base64url').toString('latin1').split('.');
  if (!/^\d{1,15}$/.test(time) || !isExchangeId(id)) {
    throw new ApiProblem('bad-parameter', 'The parameter cursor is not one that an earlier page gave.');
  }
  return { receivedAtMs: Number(time), id };
}
