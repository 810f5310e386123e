import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CoreContext } from './core-context.ts';
import { type Around, health } from './health.ts';
import { metricsPage } from './metrics-page.ts';
import { readOtherWorkers } from './other-workers.ts';

/** True for what this process answers itself, although it may look like something else. */
export function isOwnPage(method: string, path: string, isFront: boolean): boolean {
  if (method === 'HEAD' && (path === '/' || (isFront && path === '/api/hello'))) return true;
  return pages.has(path);
}

const pages: ReadonlySet<string> = new Set(['/health', '/v1/health', '/livez', '/readyz', '/metrics']);

/** Answers a probe or an operator page. */
export function answerOwnPage(
  core: CoreContext,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): void {
  if (!pages.has(path)) send(core, response, 200, undefined, '');
  else if (request.method !== 'GET' && request.method !== 'HEAD') send(core, response, 405, undefined, '');
  else if (path === '/livez') send(core, response, 200, 'text/plain; charset=utf-8', 'ok\n');
  else if (path === '/readyz') sendReadiness(core, response);
  else if (path === '/metrics') sendMetrics(core, response);
  else sendHealth(core, response);
}

function sendReadiness(core: CoreContext, response: ServerResponse): void {
  send(
    core,
    response,
    core.isDraining ? 503 : 200,
    'text/plain; charset=utf-8',
    core.isDraining ? 'draining\n' : 'ok\n',
  );
}

function sendMetrics(core: CoreContext, response: ServerResponse): void {
  lookAround(core).then(
    (around) => send(core, response, 200, 'text/plain; version=0.0.4', metricsPage(core, around)),
    () => send(core, response, 503, undefined, ''),
  );
}

function sendHealth(core: CoreContext, response: ServerResponse): void {
  lookAround(core).then(
    (around) => {
      const { isHealthy, body } = health(core, around);
      send(core, response, isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
    },
    () => send(core, response, 503, undefined, ''),
  );
}

async function lookAround({ config, worker, recorderStatus, startedAtMs }: CoreContext): Promise<Around> {
  const [recorder, otherWorkers] = await Promise.all([
    recorderStatus.read(),
    readOtherWorkers(config.dataDir, { worker, sinceMs: startedAtMs }),
  ]);
  return { recorder, otherWorkers, nowMs: Date.now() };
}

function send(
  core: CoreContext,
  response: ServerResponse,
  status: number,
  contentType: string | undefined,
  text: string,
): void {
  const body = Buffer.from(text);
  const headers = ['content-length', String(body.length), 'cache-control', 'no-store'];
  if (contentType !== undefined) headers.push('content-type', contentType);
  if (status === 405) headers.push('allow', 'GET, HEAD');
  if (core.isDraining) headers.push('connection', 'close');
  response.writeHead(status, headers);
  response.end(body);
}
