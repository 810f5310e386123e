import type { IncomingMessage, ServerResponse } from 'node:http';
import { headerValue, type Problem } from '#exchange';
import type { CoreContext } from './core-context.ts';
import { discardRest } from './discard-rest.ts';
import { nextExchangeId } from './exchange-ids.ts';
import { http } from './node-http.ts';
import { problemAnswer } from './problem-answer.ts';

/** Answers a request without touching a provider. It is counted, but no exchange is recorded. */
export function refuse(
  core: CoreContext,
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
): void {
  core.metrics.refused(problem.code);
  const hasRest = !request.complete && hasBody(request);
  const closes = hasRest || core.isDraining || mustClose.has(problem.code);
  const answer = problemAnswer(problem, nextExchangeId(Date.now()), closes);
  response.sendDate = false;
  response.writeHead(answer.status, answer.headers);
  if (hasRest) {
    response.write(answer.body);
    discardRest(request, () => response.end());
  } else {
    response.end(answer.body);
  }
}

/** After these the connection is of no more use, or another one would have to wait for its descriptor. */
const mustClose: ReadonlySet<string> = new Set([
  'too-busy',
  'upgrade-refused',
  'bad-request',
  'head-too-large',
]);

/** A client that waits for `100 Continue` sends no body after an answer. */
function hasBody({ rawHeaders }: IncomingMessage): boolean {
  if (headerValue(rawHeaders, 'expect') !== undefined) return false;
  if (headerValue(rawHeaders, 'transfer-encoding') !== undefined) return true;
  return Number(headerValue(rawHeaders, 'content-length') ?? 0) > 0;
}

/** A problem as raw bytes, for a connection whose request Node could not read. */
export function rawProblem(core: CoreContext, problem: Problem): string {
  core.metrics.refused(problem.code);
  const { status, headers, body } = problemAnswer(problem, nextExchangeId(Date.now()), true);
  const lines = [`HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}`];
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body.toString('latin1')}`;
}
