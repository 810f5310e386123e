import { ApiProblem } from './api-problem.ts';

/** A form or a link of some page can send neither of the two, so a request that has one was meant. */
export function refuseUnintended(request: Request): void {
  const contentType = request.headers.get('content-type') ?? '';
  if (/^application\/json\b/i.test(contentType) || request.headers.get('x-throughline-request') === '1')
    return;
  throw new ApiProblem(
    'bad-parameter',
    'A request that changes something needs "content-type: application/json" or "x-throughline-request: 1".',
  );
}
