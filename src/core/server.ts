import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Problem } from '#exchange';
import type { CoreContext } from './core-context.ts';
import type { Dispatch } from './dispatch.ts';
import { http } from './node-http.ts';
import { rawProblem, refuse } from './refuse.ts';

/** Node really closes an idle connection this much later than it advertises, so that no request meets the close. */
const keepAliveMarginMs = 3_000;

/** Connections from clients to all listeners together. */
export interface Connections {
  open: number;
  readonly max: number;
  /** Those that have not asked anything yet. */
  readonly unused: Set<Socket>;
}

/** An HTTP/1.1 server with limits for hostile clients. It does not listen yet. */
export function createCoreServer(core: CoreContext, dispatch: Dispatch, connections: Connections): Server {
  const { limits, timeouts } = core.config;
  const server = http.createServer({
    maxHeaderSize: limits.headBytesMax,
    insecureHTTPParser: false,
    // The guard judges Host itself: exactly one, and ours.
    requireHostHeader: false,
    headersTimeout: timeouts.clientHeadMs,
    // Uploads and answers take as long as they take; silence is watched instead.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(5_000, Math.max(20, timeouts.clientHeadMs / 4)),
    keepAliveTimeout: timeouts.keepAliveMs,
    keepAliveTimeoutBuffer: keepAliveMarginMs,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    noDelay: true,
  });
  // Node would cut off surplus fields silently; they are counted before anything is forwarded.
  server.maxHeadersCount = 0;
  server.maxConnections = connections.max;
  const serve: Dispatch = (request, response) => {
    connections.unused.delete(request.socket);
    dispatch(request, response);
  };
  server.on('request', serve);
  server.on('checkContinue', serve);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refuse(core, request, response, { code: 'expectation-failed' });
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // Node has let go of this connection: nobody else hears its errors or closes it.
    socket.on('error', () => socket.destroy());
    socket.end(rawProblem(core, { code: 'upgrade-refused' }), 'latin1', () => socket.destroy());
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    answerClientError(core, error, socket),
  );
  server.on('connection', (socket: Socket) => {
    socket.setMaxListeners(0);
    connections.open += 1;
    connections.unused.add(socket);
    socket.once('close', () => {
      connections.open -= 1;
      connections.unused.delete(socket);
    });
    if (connections.open > connections.max) socket.destroy();
  });
  return server;
}

/** A request that Node could not read: a small problem and a clean close, unless an answer has already begun. */
function answerClientError(core: CoreContext, error: NodeJS.ErrnoException, socket: Duplex): void {
  const hasAnswer = (socket as Duplex & { _httpMessage?: ServerResponse })._httpMessage !== undefined;
  if (!socket.writable || hasAnswer || error.code === 'ECONNRESET') return void socket.destroy();
  socket.end(rawProblem(core, problemOf(error)), 'latin1', () => socket.destroy());
}

function problemOf({ code }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return { code: 'head-too-large' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { code: 'request-timeout' };
  return { code: 'bad-request', ...(code?.startsWith('HPE_') ? { detail: code } : {}) };
}
