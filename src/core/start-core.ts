import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { type CoreConfig, coreConfigVersion } from '#core-config';
import { Roster } from '#exchange';
import {
  type DrainReason,
  type ListenerSlot,
  type ListeningAddress,
  listenOn,
  processStartToken,
  type WorkerPlace,
} from '#generation';
import { createGuard } from '#guard';
import { fingerprintHeaders, fingerprintTarget, openJournal } from '#journal/write';
import { StickySteps } from '#resilience';
import { connectionsMax, descriptorLimit, exchangesMax } from './admission.ts';
import { AgentNames } from './agent-names.ts';
import { Balance } from './balance.ts';
import { Breakers } from './breakers.ts';
import { BufferSweep } from './buffer-sweep.ts';
import type { CoreContext, Fingerprints } from './core-context.ts';
import { watchDeadlines } from './deadlines.ts';
import { createDispatch } from './dispatch.ts';
import { cutAll, Drain } from './drain.ts';
import { createPipe } from './front.ts';
import { createLog, type Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { ProviderHealth } from './provider-health.ts';
import { RecorderStatusReader } from './recorder-status.ts';
import { type Connections, createCoreServer } from './server.ts';
import { createUpstream, type Upstream } from './upstream.ts';
import { tellOtherWorkers } from './worker-status.ts';

export interface CoreOrder {
  readonly generation: number;
  readonly worker?: WorkerPlace;
  readonly version: string;
  readonly listeners: readonly ListenerSlot[];
  readonly config: CoreConfig;
}

export interface Core {
  readonly addresses: readonly ListeningAddress[];
  /** Exchanges that are open at this moment. */
  openExchanges(): number;
  /** An error that nobody caught: counted and shown, traffic goes on. */
  noteUncaught(error: unknown): void;
  /**
   * Stops accepting, lets what is open end, closes the journal. A `stop` (the default) waits `timeouts.drainMs` at
   * most and may follow `replaced`; see `Drain`.
   */
  drain(reason?: DrainReason): Promise<void>;
  /** Cuts what is open and closes the journal. */
  stop(): Promise<void>;
}

export interface CoreParts {
  readonly log?: Log;
  /** Soft limit of open descriptors; read from the system when absent. */
  readonly descriptorsMax?: number;
}

/** How long a conversation that was taken over stays there. */
const stickyMs = 5 * 60_000;
const conversationsMax = 10_000;

/** Starts proxy-core in this process. Rejects with a sentence for a person when it cannot serve. */
export async function startCore(order: CoreOrder, parts: CoreParts = {}): Promise<Core> {
  const { config } = order;
  if (config.version !== coreConfigVersion) {
    throw new Error(
      `core ${order.version} understands configuration ${coreConfigVersion}, not ${config.version}`,
    );
  }
  const log = parts.log ?? createLog();
  const descriptorsMax = parts.descriptorsMax ?? descriptorLimit();
  // Filled when the listeners stand; the guard and the upstreams look at it with every request.
  const ownPorts = [...(config.ports ?? [])];
  const breakers = new Breakers(config.providers, log);
  const core: CoreContext = {
    config,
    version: order.version,
    generation: order.generation,
    worker: order.worker ?? { number: 1, of: 1 },
    startedAtMs: Date.now(),
    journal: await openJournal(config.journal, { startToken: processStartToken(process.pid) }),
    guard: createGuard(config.access, ownPorts),
    fingerprints: await loadFingerprints(config.dataDir, log),
    upstreams: createUpstreams(config, ownPorts),
    agentNames: new AgentNames(config.claudeDirs ?? []),
    running: new Roster(),
    exchangesMax: exchangesMax(descriptorsMax),
    bufferSweep: new BufferSweep(),
    metrics: new Metrics(),
    balance: new Balance((provider, model) => breakers.isOpen(provider, model)),
    breakers,
    stickySteps: new StickySteps({ holdMs: stickyMs, entriesMax: conversationsMax }),
    providerHealth: new ProviderHealth(),
    recorderStatus: new RecorderStatusReader(config.dataDir),
    log,
    eventStreamEnds: new Set(),
    isDraining: false,
  };
  const connections: Connections = { open: 0, max: connectionsMax(descriptorsMax), unused: new Set() };
  const { servers, addresses } = await listen(core, order.listeners, connections);
  for (const { port } of addresses) ownPorts.push(port);
  const stopWatching = watchDeadlines(core);
  const stopTelling = tellOtherWorkers(core);
  const drain = new Drain(core, { servers, connections, drainMs: config.timeouts.drainMs });
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => {
    left ??= (async () => {
      stopWatching();
      stopTelling();
      await core.journal.close();
      for (const upstream of core.upstreams.values()) upstream.close();
    })();
    return left;
  };
  return {
    addresses,
    openExchanges: () => core.running.size,
    noteUncaught: (error) => noteUncaught(core, error),
    drain: (reason = 'stop') => drain.begin(reason).then(leave),
    stop: () => {
      cutAll(core, servers);
      return leave();
    },
  };
}

function createUpstreams(config: CoreConfig, ownPorts: readonly number[]): ReadonlyMap<string, Upstream> {
  const options = {
    timeouts: config.timeouts,
    headBytesMax: config.limits.headBytesMax,
    ownPorts,
  };
  return new Map(config.providers.map((provider) => [provider.name, createUpstream(provider, options)]));
}

async function listen(
  core: CoreContext,
  slots: readonly ListenerSlot[],
  connections: Connections,
): Promise<{ servers: Server[]; addresses: ListeningAddress[] }> {
  const { dataAddress } = core.config;
  const pipe = dataAddress === undefined ? undefined : createPipe(core, dataAddress);
  const servers: Server[] = [];
  const addresses: ListeningAddress[] = [];
  for (const slot of slots) {
    const dispatch = createDispatch(core, slot.purpose === 'front' ? pipe : undefined);
    const server = createCoreServer(core, dispatch, connections);
    addresses.push(await listenOn(server, slot));
    // Without a listener an error of accepting, for example too many open files, would end the process.
    server.on('error', (error) => core.log.error('accepting a connection failed', { error: String(error) }));
    servers.push(server);
  }
  return { servers, addresses };
}

/** The key of fingerprints. Without it they still hide everything, but cannot be compared with older ones. */
async function loadFingerprints(dataDir: string, log: Log): Promise<Fingerprints> {
  let key: string;
  try {
    key = (await readFile(join(dataDir, 'secret'), 'utf8')).trim();
    if (key.length < 32) throw new Error('it is shorter than 32 characters');
  } catch (error) {
    key = randomBytes(32).toString('hex');
    log.warn(
      'the file "secret" of the data directory cannot be used, fingerprints get a key of this run only',
      {
        error: (error as NodeJS.ErrnoException).code ?? (error as Error).message,
      },
    );
  }
  return {
    headers: (list) => fingerprintHeaders(list, key),
    target: (target) => fingerprintTarget(target, key),
  };
}

function noteUncaught(core: CoreContext, error: unknown): void {
  core.metrics.uncaught += 1;
  const stack = error instanceof Error ? error.stack : String(error);
  core.log.error('an error that nobody caught; forwarding goes on', { error: stack?.slice(0, 4_000) });
}
