import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList, Problem } from '#exchange';
import { isProblem, strictTarget, taggedPath } from '#guard';
import type { CoreContext } from './core-context.ts';
import { forward } from './forward.ts';
import type { Pipe } from './front.ts';
import { answerOwnPage, isOwnPage } from './own-pages.ts';
import { refuse } from './refuse.ts';

export type Dispatch = (request: IncomingMessage, response: ServerResponse) => void;

/** Who answers a request. */
type Destination =
  /** The provider. `path` is without the tag, with its query. */
  | { readonly kind: 'provider'; readonly path: string; readonly tag: string | undefined }
  /** This process: health, metrics, probes. */
  | { readonly kind: 'own-page'; readonly path: string }
  /** proxy-data, behind a front. */
  | { readonly kind: 'data' }
  | { readonly kind: 'refused'; readonly problem: Problem };

/**
 * Looks at the head of each request of one listener, asks the guard, and hands it to whoever answers it.
 * @param pipe towards proxy-data; absent when this listener is no front
 */
export function createDispatch(core: CoreContext, pipe: Pipe | undefined): Dispatch {
  return (request, response) => {
    // What the client reads is the provider's, its Date included.
    response.sendDate = false;
    const destination = destinationOf(core, request, pipe !== undefined);
    const verdict = core.guard.judge(request, destination.kind === 'data' ? 'api' : 'v1');
    if (verdict instanceof Promise) {
      void verdict.then((problem) => deliver(core, request, response, { destination, problem, pipe }));
    } else {
      deliver(core, request, response, { destination, problem: verdict, pipe });
    }
  };
}

interface Delivery {
  readonly destination: Destination;
  /** What the guard found. */
  readonly problem: Problem | undefined;
  readonly pipe: Pipe | undefined;
}

function deliver(
  core: CoreContext,
  request: IncomingMessage,
  response: ServerResponse,
  { destination, problem, pipe }: Delivery,
): void {
  if (request.socket.destroyed) return;
  // proxy-data asks for the token itself: its page must come up before anybody can enter one.
  const asksToken = destination.kind === 'data' && problem?.code === 'token-required';
  if (problem !== undefined && !asksToken) {
    refuse(core, request, response, problem);
    return;
  }
  if (destination.kind === 'refused') refuse(core, request, response, destination.problem);
  else if (destination.kind === 'own-page') answerOwnPage(core, request, response, destination.path);
  else if (destination.kind === 'data') pipe?.(request, response, asksToken);
  else forward(core, { request, response, path: destination.path, tag: destination.tag });
}

function destinationOf(core: CoreContext, request: IncomingMessage, isFront: boolean): Destination {
  const problem = headProblem(core, request);
  if (problem !== undefined) return { kind: 'refused', problem };
  const target = strictTarget(request.url!);
  if (isProblem(target)) return { kind: 'refused', problem: target };
  const { path } = target;
  if (isOwnPage(request.method!, path, isFront)) return { kind: 'own-page', path };
  // A lone question mark stays one.
  const query = request.url!.slice(path.length);
  if (path.startsWith('/v1/')) return { kind: 'provider', path: path + query, tag: undefined };
  const tagged = taggedPath(path);
  if (tagged !== undefined) return { kind: 'provider', path: tagged.path + query, tag: tagged.tag };
  return isFront ? { kind: 'data' } : { kind: 'refused', problem: { code: 'not-found' } };
}

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

/** What is wrong with the head, whatever its target. */
function headProblem(core: CoreContext, { method, rawHeaders }: IncomingMessage): Problem | undefined {
  if (rawHeaders.length / 2 > core.config.limits.headerFieldsMax) return { code: 'head-too-large' };
  if (!forwardedMethods.has(method!)) return { code: 'method-not-allowed' };
  return wantsWebSocket(rawHeaders) ? { code: 'upgrade-refused' } : undefined;
}

/**
 * A client that wants a WebSocket can do nothing with a plain answer, and falls back at once when it is refused. One
 * that merely offers another protocol (`h2c`) goes on in HTTP/1.1: its request is served, the offer is not passed on.
 */
function wantsWebSocket(rawHeaders: HeaderList): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const isUpgrade = rawHeaders[i]!.length === 7 && rawHeaders[i]!.toLowerCase() === 'upgrade';
    if (isUpgrade && /(?:^|,)\s*websocket\s*(?:$|[,/])/i.test(rawHeaders[i + 1]!)) return true;
  }
  return false;
}
