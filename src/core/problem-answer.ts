import { anthropicErrorBody, type ExchangeId, type Problem, problemStatus } from '#exchange';

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

/** Statuses that a client may repeat at once get a second to breathe. */
const retryAfterOneSecond: ReadonlySet<string> = new Set(['too-busy', 'data-unavailable']);

/**
 * An error of ours as it goes over the wire, in the shape of the Anthropic Messages API.
 * @param closesConnection what the client still sends on this connection will not be read
 */
export function problemAnswer(problem: Problem, id: ExchangeId, closesConnection: boolean): ProblemAnswer {
  const requestId = `req_${id}`;
  const body = Buffer.from(anthropicErrorBody(problem, requestId));
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
    'request-id',
    requestId,
    'x-throughline-problem',
    problem.code,
  ];
  if (retryAfterOneSecond.has(problem.code)) headers.push('retry-after', '1');
  if (problem.code === 'method-not-allowed')
    headers.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  if (problem.code === 'upgrade-refused') headers.push('upgrade', 'HTTP/1.1');
  if (closesConnection) headers.push('connection', 'close');
  return { status: problemStatus(problem.code), headers, body };
}
