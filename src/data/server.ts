import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { openClaudeDirectory } from '#claude-directory';
import type { DataConfig } from '#config';
import { type Metric, recorderMetrics } from '#exchange';
import { type DeletionNote, openDeletions, type Store, StoreError } from '#store';
import { describeProblem, isUnexpected } from './api-problem.ts';
import { createApp } from './app.ts';
import { assets } from './assets.ts';
import { admit, type EntranceRules } from './entrance.ts';
import { freeBytesOf } from './free-bytes.ts';
import { blockHandlers } from './handlers/blocks.ts';
import { claudeHandlers } from './handlers/claude.ts';
import { configHandlers } from './handlers/config.ts';
import { conversationHandlers } from './handlers/conversations.ts';
import { eventHandlers } from './handlers/events.ts';
import { healthHandlers } from './handlers/health.ts';
import { projectHandlers } from './handlers/projects.ts';
import { requestHandlers } from './handlers/requests.ts';
import { routingHandlers } from './handlers/routing.ts';
import { searchHandlers } from './handlers/search.ts';
import { sessionHandlers } from './handlers/sessions.ts';
import { statisticsHandlers } from './handlers/statistics.ts';
import { createHealth } from './health.ts';
import { indexMetrics } from './index-metrics.ts';
import { createJoinRate } from './join-rate.ts';
import { createLive, type Live } from './live.ts';
import type { Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createOpenRequests } from './open-requests.ts';
import { createPipedLimit } from './piped-limit.ts';
import { readRecorderStatus } from './recorder-status.ts';
import { createDamageReport } from './report-damage.ts';
import { createRetention, limitsOf, type RetentionLimits } from './retention.ts';
import { createStoreAccess } from './store-access.ts';
import type { Ask } from './sum-rows.ts';
import type { DataThreads } from './threads.ts';

export interface DataServerOptions {
  readonly config: Pick<DataConfig, 'dataDir' | 'shown' | 'routing' | 'store' | 'claudeDirs'> &
    RetentionLimits;
  readonly version: string;
  readonly rules: EntranceRules;
  readonly openStore: () => Promise<Store>;
  /** Its threads; what they derive is not there without them. They end with the server. */
  readonly threads?: DataThreads | undefined;
  readonly log: Logger;
}

export interface DataServer {
  /** A server for one more address; all of them serve the same. */
  createServer(): Server;
  /**
   * Stops accepting, ends live streams, and resolves when the last answer is out or the time is over. When another
   * generation serves already, idle connections stay open as long as they were promised to.
   */
  drain(timeMs: number, options?: { readonly keepsIdle: boolean }): Promise<void>;
}

/** An attempt to open a broken store is repeated at most this often. */
const reopenPauseMs = 250;
const connectionsMax = 512;
/** Less free space than this is said, whatever the configuration wants. */
const lowBytes = 1_000_000_000;

/** Everything proxy-data serves, assembled. */
export function createDataServer({
  config,
  version,
  rules,
  openStore,
  threads,
  log,
}: DataServerOptions): DataServer {
  const nowMs = () => Date.now();
  const monotonicMs = () => performance.now();
  const metrics = createMetrics();
  const onDamage = createDamageReport(config.dataDir, monotonicMs);
  const access = createStoreAccess(openStore, { nowMs: monotonicMs, pauseMs: reopenPauseMs, onDamage });
  const deletions = openDeletions(config.dataDir);
  // Deleting is what a full disk needs most: it goes on without the note.
  const onNoteFailure = (error: unknown): void =>
    log.warn({ err: error }, 'cannot note what is deleted; a store that is built anew may have it again');
  const readRecorder = () => readRecorderStatus(config.dataDir, nowMs());
  const openRequests = createOpenRequests({ access, readRecorder });
  const health = createHealth({
    access,
    version,
    engine: config.store.engine,
    freeBytes: () => freeBytesOf(config.store.path),
    freeBytesMin: config.freeBytesMin ?? lowBytes,
    nowMs,
    readRecorder,
    liveListeners: () => live.listeners,
    joinRate: createJoinRate(threads?.query, monotonicMs),
    index: () => threads?.index,
  });
  const live = createLive({
    access,
    health,
    openRequests,
    onTrouble: (error) => log.warn({ err: error }, 'the store cannot be read, live events wait'),
  });
  const limits = limitsOf(config);
  const retention =
    limits === undefined
      ? undefined
      : createRetention({
          access,
          limits,
          nowMs,
          freeBytes: () => freeBytesOf(config.store.path),
          noteDeletion,
          onDeleted: (what) =>
            log.info(what, 'deleted requests, or bodies of them, that were more than is kept'),
          onTrouble: (error) =>
            log.warn({ err: error }, 'cannot delete old requests now; this is tried again later'),
        });
  const ask: Ask = (name, input) =>
    threads?.query.ask(name, input) ??
    Promise.reject(new StoreError('busy', 'What is derived is not kept here.'));
  const isWithinPipedLimit = createPipedLimit();
  const servers = new Set<Server>();
  const routes = new WeakMap<IncomingMessage, string>();
  let isDraining = false;
  let closesIdle = false;

  const app = createApp({
    assets,
    handlers: {
      ...requestHandlers({
        access,
        ask,
        nowMs,
        openRequests,
        noteDeletion,
      }),
      ...blockHandlers(access, ask),
      ...eventHandlers(live),
      ...claudeHandlers(openClaudeDirectory(config.claudeDirs), { nowMs }),
      ...conversationHandlers(threads),
      ...configHandlers(config),
      ...routingHandlers(config),
      ...projectHandlers(ask),
      ...sessionHandlers(ask),
      ...statisticsHandlers(ask, { nowMs }),
      ...searchHandlers({ queries: threads?.query, access, nowMs, version }),
      ...healthHandlers({
        health,
        isDraining: () => isDraining,
        metricsText: async () =>
          metrics.render([
            ...liveMetrics(live),
            ...indexMetrics(threads?.index),
            ...recorderMetrics(await readRecorder(), nowMs()),
          ]),
      }),
    },
    onRoute: ({ incoming }, key) => routes.set(incoming, key),
    onError: noteError,
  });
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => {
      noteError(error, 'adapter');
      const { status, body } = describeProblem(error);
      return Response.json(body, { status });
    },
  });

  function noteDeletion(): DeletionNote {
    const note = deletions.begin();
    return { add: (ids) => note.add(ids).catch(onNoteFailure) };
  }

  function noteError(error: unknown, route: string): void {
    if (isUnexpected(error)) log.error({ err: error, route }, 'a request failed');
    else if (describeProblem(error).status === 503) log.debug({ err: error, route }, 'a request has to wait');
  }

  function closeIdle(): void {
    for (const server of servers) server.closeIdleConnections();
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    outgoing.once('close', () => {
      const route = routes.get(incoming) ?? 'other';
      const lastsAsLongAsWanted = route === 'events.stream';
      metrics.answered(
        route,
        outgoing.statusCode,
        lastsAsLongAsWanted ? undefined : performance.now() - startedAt,
      );
    });
    outgoing.once('close', () => {
      // A connection that was promised to stay open is idle only now.
      if (closesIdle) setImmediate(closeIdle);
    });
    if (isDraining) outgoing.setHeader('connection', 'close');
    if (!(await admit(rules, incoming, outgoing)) || !isWithinPipedLimit(incoming, outgoing)) return;
    await listener(incoming, outgoing);
  }

  return {
    createServer() {
      const server = createServer({
        maxHeaderSize: 32 * 1024,
        requestTimeout: 30_000,
        headersTimeout: 10_000,
        // Node looks at these limits only every 30 s unless told otherwise.
        connectionsCheckingInterval: 2_000,
      });
      server.maxConnections = connectionsMax;
      server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
        handle(incoming, outgoing).catch((error: unknown) => {
          noteError(error, 'server');
          outgoing.destroy();
        });
      });
      servers.add(server);
      return server;
    },
    async drain(timeMs, { keepsIdle } = { keepsIdle: false }) {
      isDraining = true;
      closesIdle ||= !keepsIdle;
      const closed = [...servers].map(closeListener);
      if (closesIdle) closeIdle();
      live.close();
      retention?.stop();
      // At once, because the next generation waits for it.
      const indexEnded = threads?.index.stop();
      const deadline = setTimeout(() => {
        for (const server of servers) server.closeAllConnections();
      }, timeMs);
      await Promise.all(closed);
      clearTimeout(deadline);
      await Promise.all([indexEnded, threads?.query.stop(), access.close()]);
    },
  };
}

function liveMetrics({ listeners, dropped }: Pick<Live, 'listeners' | 'dropped'>): Metric[] {
  return [
    { name: 'throughline_data_live_listeners', help: 'Readers of live events.', values: listeners },
    {
      name: 'throughline_data_live_dropped_total',
      help: 'Readers of live events that were left because they did not keep up.',
      values: dropped,
    },
  ];
}

/** Closes the listener only, and resolves when the last connection is gone: http's own close cuts idle ones. */
function closeListener(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Asked a second time, it says that it is closed already, although connections are open.
    if (server.listening) NetServer.prototype.close.call(server, () => resolve());
    else server.getConnections((_error, count) => (count === 0 ? resolve() : server.once('close', resolve)));
  });
}
