import type { ErrorBody } from '#api';
import { type ProblemCode, problemStatus, problems } from '#exchange';
import { StoreError } from '#store';

/** An error that a client may read. Anything else that is thrown becomes `internal`. */
export class ApiProblem extends Error {
  readonly code: ProblemCode;
  /** @param sentence what happened in this case; the general sentence of the code when absent */
  constructor(code: ProblemCode, sentence?: string) {
    super(sentence ?? problems[code].sentence);
    this.name = 'ApiProblem';
    this.code = code;
  }
}

/** What a client is told about an error: never a path, a statement or a stack. */
export function describeProblem(error: unknown): {
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { code, message } = toProblem(error);
  const status = problemStatus(code);
  return { status, body: { error: message, code }, headers: status === 503 ? { 'retry-after': '1' } : {} };
}

/** True when the error is ours to look into. */
export function isUnexpected(error: unknown): boolean {
  return toProblem(error).code === 'internal';
}

function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof StoreError) return new ApiProblem('store-unavailable', storeSentences[error.code]);
  return new ApiProblem('internal');
}

const storeSentences = {
  busy: 'The store is busy. Try again in a second.',
  full: 'The disk of the store is full. Free some space.',
  corrupt: 'The database is damaged. The recorder sets it aside and builds a new one from the journal.',
  missing: 'The database does not exist yet. The recorder creates it.',
  moved: 'The database was replaced a moment ago. Try again in a second.',
  'too-slow': 'The query took longer than it may. Ask for a shorter time or for something rarer.',
  unusable: 'The store cannot be read at the moment. The log of proxy-data says why.',
} as const satisfies Record<StoreError['code'], string>;
