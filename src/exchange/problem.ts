/**
 * Every error that is ours, with the HTTP status and the Anthropic error type a client sees. On `/v1` only
 * retryable statuses are used for what is not the client's own mistake, because clients give up at once on 400,
 * 401, 403 and 404 and retry 5xx; the problem's code travels in the header `x-throughline-problem`.
 */
export const problems = {
  'bad-target': {
    status: 400,
    type: 'invalid_request_error',
    sentence: 'The request target is not a plain path.',
  },
  'bad-host': {
    status: 403,
    type: 'permission_error',
    sentence:
      'The Host header names an address that this Throughline does not serve. Use the printed address or add the name to server.allowed_hosts.',
  },
  'foreign-origin': {
    status: 403,
    type: 'permission_error',
    sentence: 'The request carries an Origin header of another site. Web pages may not use this address.',
  },
  'foreign-user': {
    status: 403,
    type: 'permission_error',
    sentence:
      'The connection comes from another user of this machine. Send the token from the data directory.',
  },
  'token-required': {
    status: 401,
    type: 'authentication_error',
    sentence: 'This address needs the token from the data directory in the header x-throughline-token.',
  },
  'method-not-allowed': {
    status: 405,
    type: 'invalid_request_error',
    sentence: 'The method is not allowed here.',
  },
  'body-pruned': {
    status: 410,
    type: 'not_found_error',
    sentence: 'The body was deleted; the rest is kept.',
  },
  'not-found': { status: 404, type: 'not_found_error', sentence: 'There is nothing at this path.' },
  'upgrade-refused': {
    status: 426,
    type: 'invalid_request_error',
    sentence: 'WebSockets and tunnels are not offered here. Use plain HTTP/1.1.',
  },
  'expectation-failed': {
    status: 417,
    type: 'invalid_request_error',
    sentence: 'Only "Expect: 100-continue" is understood.',
  },
  'head-too-large': {
    status: 431,
    type: 'invalid_request_error',
    sentence: 'The request head is larger than the limit of 64 KiB or 200 fields.',
  },
  'body-too-large': {
    status: 413,
    type: 'request_too_large',
    sentence: 'The request body is larger than server.limits.body_bytes allows.',
  },
  'bad-request': {
    status: 400,
    type: 'invalid_request_error',
    sentence: 'The request is not valid HTTP/1.1.',
  },
  'request-timeout': {
    status: 408,
    type: 'timeout_error',
    sentence: 'The client was too slow sending its request.',
  },
  'too-busy': {
    status: 503,
    type: 'overloaded_error',
    sentence:
      'Too many connections are open for the descriptor limit of this process. Try again in a second.',
  },
  'not-translatable': {
    status: 400,
    type: 'invalid_request_error',
    sentence: 'The request cannot be said in the format of the provider that it is routed to.',
  },
  'no-provider': { status: 503, type: 'api_error', sentence: 'No provider is configured for this request.' },
  'upstream-unreachable': { status: 502, type: 'api_error', sentence: 'The provider could not be reached.' },
  'upstream-closed': {
    status: 502,
    type: 'api_error',
    sentence: 'The provider closed the connection before it answered.',
  },
  'upstream-invalid': {
    status: 502,
    type: 'api_error',
    sentence: 'The provider sent something that cannot be understood or passed on.',
  },
  'breaker-open': {
    status: 503,
    type: 'overloaded_error',
    sentence: 'The provider kept failing and is not asked for a while (circuit breaker).',
  },
  'upstream-timeout': {
    status: 504,
    type: 'timeout_error',
    sentence: 'The provider was silent for longer than the configured limit.',
  },
  'upstream-tls': {
    status: 502,
    type: 'api_error',
    sentence: 'The TLS certificate of the provider was not accepted.',
  },
  'data-unavailable': {
    status: 503,
    type: 'api_error',
    sentence: 'proxy-data is not running at the moment. Traffic under /v1 is not affected.',
  },
  'store-unavailable': {
    status: 503,
    type: 'api_error',
    sentence: 'The store cannot be read at the moment.',
  },
  'bad-parameter': {
    status: 400,
    type: 'invalid_request_error',
    sentence: 'A parameter has a value that is not understood.',
  },
  internal: {
    status: 500,
    type: 'api_error',
    sentence: 'Something went wrong inside Throughline. The log of the service has the details.',
  },
} as const satisfies Record<string, { status: number; type: string; sentence: string }>;

export type ProblemCode = keyof typeof problems;

/** A problem with what is particular to this case. `detail` is shown to the client: no secrets, no stack. */
export interface Problem {
  readonly code: ProblemCode;
  readonly detail?: string;
}

export function problemStatus(code: ProblemCode): number {
  return problems[code].status;
}

/**
 * The body of an error in the shape of the Anthropic Messages API, which every client of `/v1` can read.
 * @param requestId what our own `request-id` header says
 */
export function anthropicErrorBody(problem: Problem, requestId: string): string {
  const { type, sentence } = problems[problem.code];
  const message = problem.detail === undefined ? sentence : `${sentence} (${problem.detail})`;
  return JSON.stringify({
    type: 'error',
    error: { type, message: `Throughline: ${message}` },
    request_id: requestId,
  });
}
