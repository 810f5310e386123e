import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Problem, problems } from '#exchange';
import { ApiProblem, describeProblem } from './api-problem.ts';
import { corsHeaders, preflightHeaders, securityHeaders } from './security-headers.ts';

/** Who may come in, judged before anything else looks at a request. */
export interface EntranceRules {
  readonly allowedOrigins: readonly string[];
  /** A problem when the request may not come in. */
  readonly judge: (request: IncomingMessage) => Problem | undefined | Promise<Problem | undefined>;
  /** A problem when the target is anything but a plain path with a query. */
  readonly judgeTarget: (target: string) => Problem | undefined;
}

const methods = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH']);

/**
 * Sets the headers that every answer carries and answers what may not go further. Gives true when the request may
 * be handled. Never rejects.
 */
export async function admit(
  rules: EntranceRules,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  const origin = request.headers.origin;
  const isListed = origin !== undefined && rules.allowedOrigins.includes(origin);
  if (isListed)
    for (const [name, value] of Object.entries(corsHeaders(origin))) response.setHeader(name, value);

  const problem = await findProblem(rules, request, isListed);
  if (problem) {
    refuse(request, response, problem);
    return false;
  }
  if (isListed && isPreflight(request)) {
    response.writeHead(204, preflightHeaders(origin)).end();
    return false;
  }
  return true;
}

async function findProblem(
  { judge, judgeTarget }: EntranceRules,
  request: IncomingMessage,
  isListed: boolean,
): Promise<Problem | undefined> {
  if (!methods.has(request.method ?? '')) return { code: 'method-not-allowed' };
  const target = judgeTarget(request.url ?? '');
  if (target) return target;
  const problem = await judge(request);
  // A browser asks for permission without the token; the request that follows has to bring it.
  return isListed && isPreflight(request) && problem?.code === 'token-required' ? undefined : problem;
}

function isPreflight(request: IncomingMessage): boolean {
  return request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
}

function refuse(request: IncomingMessage, response: ServerResponse, problem: Problem): void {
  const sentence = problems[problem.code].sentence;
  const detail = problem.detail === undefined ? sentence : `${sentence} (${problem.detail})`;
  const { status, body, headers } = describeProblem(new ApiProblem(problem.code, detail));
  const hasBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  // What is left of a body that nobody reads must not be taken for the next request.
  if (hasBody) response.setHeader('connection', 'close');
  response.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' });
  response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`);
}
