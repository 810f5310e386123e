import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList, Problem } from '#exchange';
import { strictTarget } from '#guard';
import type { CoreContext } from './core-context.ts';
import { forward } from './forward.ts';
import type { Pipe } from './front.ts';
import { answerOwnPage, isOwnPage } from './own-pages.ts';
import { refuse } from './refuse.ts';

export type Dispatch = (request: IncomingMessage, response: ServerResponse) => void;

/** Methods that are forwarded; others are refused, whatever the provider might think of them. */
const forwardedMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);

/**
 * Decides for each request of a listener who answers it: the provider (`/v1` and `/p/<tag>/v1`), this process
 * (health and probes), on a front proxy-data (all the rest), or nobody.
 * @param pipe towards proxy-data; absent when this listener is no front
 */
export function createDispatch(core: CoreContext, pipe: Pipe | undefined): Dispatch {
  return (request, response) => {
    // What the client reads is the provider's, including its Date.
    response.sendDate = false;
    const problem = headProblem(core, request);
    if (problem !== undefined) return refuse(core, request, response, problem);
    const target = strictTarget(request.url!);
    if ('code' in target) return refuse(core, request, response, target);
    const place = placeOf(target.path);
    const isV1 = place.kind === 'v1' && !isOwnPage(request.method!, target.path, pipe !== undefined);
    const verdict = core.guard.judge(request, isV1 ? 'v1' : 'api');
    const go = (found: Problem | undefined): void => {
      if (response.destroyed || request.socket.destroyed) return;
      if (found !== undefined) return refuse(core, request, response, found);
      if (hasExpectation(request.rawHeaders)) response.writeContinue();
      if (isV1 && place.kind === 'v1') {
        const query = target.query === '' ? '' : `?${target.query}`;
        return forward(core, { request, response, path: place.path + query, tag: place.tag });
      }
      if (answerOwnPage(core, request, response, target.path, pipe !== undefined)) return;
      if (pipe !== undefined) return pipe(request, response);
      refuse(core, request, response, { code: 'not-found' });
    };
    if (verdict instanceof Promise) verdict.then(go, () => go({ code: 'internal' }));
    else go(verdict);
  };
}

/** What is wrong with the head, before anybody looks at its target. */
function headProblem(core: CoreContext, { method, rawHeaders }: IncomingMessage): Problem | undefined {
  if (rawHeaders.length / 2 > core.config.limits.headerFieldsMax) return { code: 'head-too-large' };
  if (!forwardedMethods.has(method!)) return { code: 'method-not-allowed' };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 7 && rawHeaders[i]!.toLowerCase() === 'upgrade')
      return { code: 'upgrade-refused' };
  }
  return undefined;
}

function hasExpectation(rawHeaders: HeaderList): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 6 && rawHeaders[i]!.toLowerCase() === 'expect') return true;
  }
  return false;
}

type Place =
  | { readonly kind: 'v1'; readonly path: string; readonly tag: string | undefined }
  | { readonly kind: 'other' };

const tagged = /^\/p\/([A-Za-z0-9._-]{1,64})(\/v1(?:\/.*)?)$/;

function placeOf(path: string): Place {
  if (path.startsWith('/v1/') || path === '/v1') return { kind: 'v1', path, tag: undefined };
  const match = path.startsWith('/p/') ? tagged.exec(path) : null;
  return match === null ? { kind: 'other' } : { kind: 'v1', path: match[2]!, tag: match[1]! };
}
