import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipedField, pipedRefusal, pipedRequest } from '#guard';

/**
 * Keeps the bound on what all workers of proxy-core pipe here together. Gives true when the request may be handled; one
 * too many is answered with a 503, which the front shows in its own words.
 */
export function createPipedLimit(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const open = { events: 0, requests: 0 };
  return (request, response) => {
    const piped = pipedRequest(request.rawHeaders);
    if (piped === undefined) return true;
    if (open[piped.kind] >= piped.max) {
      response.writeHead(503, { [pipedField]: pipedRefusal, 'retry-after': '1', connection: 'close' });
      response.end();
      return false;
    }
    open[piped.kind] += 1;
    response.once('close', () => {
      open[piped.kind] -= 1;
    });
    return true;
  };
}
