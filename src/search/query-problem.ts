/** Why a query was refused. */
export interface QueryProblem {
  /** What is wrong and what to do, one sentence each. */
  readonly message: string;
  /** Where it is wrong, in UTF-16 code units of the text. */
  readonly at: number;
  /** How much of the text is meant; 0 at its end. */
  readonly length: number;
  /** What was probably meant. */
  readonly suggestion?: string;
}

/** Ends the reading of a query; never leaves this module. */
export class Refusal extends Error {
  readonly problem: QueryProblem;

  constructor(problem: QueryProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** How much of the text is shown on either side of the caret. */
const shownBefore = 60;
const shownAfter = 30;

/** The problem for a terminal: the text, a caret under the place, the sentence. */
export function showQueryProblem(text: string, { message, at, length }: QueryProblem): string {
  const from = Math.max(0, at - shownBefore);
  const shown = [...text.slice(from, at + Math.max(length, 1) + shownAfter)].map(printable).join('');
  const before = [...text.slice(from, at)].length;
  const marked = Math.max(1, [...text.slice(at, at + length)].length);
  const cut = from > 0 ? '…' : '';
  return `${cut}${shown}\n${' '.repeat(cut.length + before)}${'^'.repeat(Math.min(marked, shownBefore))}\n${message}`;
}

/** Control characters would move the caret away from its place, or the terminal of whoever reads this. */
function printable(character: string): string {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(character) ? '·' : character;
}
