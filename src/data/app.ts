import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { contract, type Route, type RouteKey } from '#api';
import { ApiProblem, describeProblem } from './api-problem.ts';
import type { Handler, Handlers, JsonAnswer } from './handler.ts';
import { renderJson } from './json-text.ts';
import { parseQuery } from './parse-query.ts';

type Bindings = { Bindings: HttpBindings };

export interface AppOptions {
  readonly handlers: Handlers<RouteKey>;
  /** Static files by path, for example `/` and `/assets/overview.js`. */
  readonly assets: ReadonlyMap<string, (isHead: boolean) => Response>;
  /** Hears which route a request took, or `other`. */
  readonly onRoute: (bindings: HttpBindings, key: string) => void;
  /** Hears about errors whose details the client does not get. */
  readonly onError: (error: unknown, key: string) => void;
}

/** The application: one handler for each row of the contract, static files, and clear answers for everything else. */
export function createApp({ handlers, assets, onRoute, onError }: AppOptions): Hono<Bindings> {
  const app = new Hono<Bindings>();
  const allowed = new Map<string, string[]>();
  for (const [key, route] of routesInOrder()) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    allowed.set(path, [...(allowed.get(path) ?? []), ...methodsOf(route)]);
    app.on(route.method, path, (context) => {
      onRoute(context.env, key);
      // The table ties each key to a handler of its own query and body; a loop over it cannot say so in types.
      const handler = handlers[key] as unknown as Handler<'health.data'>;
      return answer(context, route, handler, (error) => {
        onError(error, key);
        context.env.outgoing.destroy();
      });
    });
  }
  for (const [path, asset] of assets) {
    allowed.set(path, ['GET', 'HEAD']);
    app.get(path, (context) => {
      onRoute(context.env, 'assets');
      return asset(context.req.method === 'HEAD');
    });
  }
  for (const [path, methods] of allowed) {
    app.all(path, () => problemResponse(new ApiProblem('method-not-allowed'), { allow: methods.join(', ') }));
  }
  app.notFound(() => jsonResponse({ error: 'Not found' }, 404));
  app.onError((error, context) => {
    onError(error, context.req.routePath);
    return problemResponse(error);
  });
  return app;
}

/** Literal paths before paths with parameters, so that `/api/requests/summary` is not taken for an id. */
function routesInOrder(): [RouteKey, Route][] {
  const rows = Object.entries(contract) as [RouteKey, Route][];
  return rows.sort(([, one], [, other]) => Number(one.path.includes('{')) - Number(other.path.includes('{')));
}

function methodsOf(route: Route): string[] {
  return route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
}

async function answer(
  context: Context<Bindings>,
  route: Route,
  handler: Handler<'health.data'>,
  breakOff: (error: unknown) => void,
): Promise<Response> {
  const query = parseQuery(route, new URL(context.req.url).searchParams);
  const result: JsonAnswer<unknown> | Response = await handler({
    query: query as Record<string, never>,
    id: context.req.param('id') ?? '',
    request: context.req.raw,
    isHead: context.req.method === 'HEAD',
    breakOff,
  });
  return result instanceof Response ? result : jsonResponse(result.body, result.status, result.headers);
}

function jsonResponse(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${renderJson(body)}\n`, {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
  });
}

/** The answer to an error. */
export function problemResponse(error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const problem = describeProblem(error);
  return jsonResponse(problem.body, problem.status, { ...problem.headers, ...headers });
}
