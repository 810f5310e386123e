import { ApiProblem } from './api-problem.ts';

const cursorCharactersMax = 8_192;

/** Where a page ended, as text: a moment and what lies there. Clients hand it back and need not know what it says. */
export function writePageCursor(atMs: number, at: string): string {
  return Buffer.from(`${atMs}.${at}`).toString('base64url');
}

/** Throws `bad-parameter` when the text is not a cursor of ours. */
export function readPageCursor(text: string): { readonly atMs: number; readonly at: string } {
  const [, time, at] =
    /^(-?\d{1,16})\.(.*)$/s.exec(Buffer.from(text.slice(0, cursorCharactersMax), 'base64url').toString()) ??
    [];
  if (time === undefined || at === undefined) throw foreignCursor();
  return { atMs: Number(time), at };
}

export function foreignCursor(): ApiProblem {
  return new ApiProblem('bad-parameter', 'The parameter cursor is not one that an earlier page gave.');
}
