import type { Server } from 'node:http';
import net from 'node:net';
import type { DrainReason } from '#generation';
import type { CoreContext } from './core-context.ts';
import { cutExchange } from './fail.ts';
import type { Connections } from './server.ts';

const pollMs = 25;
/** When nothing is open any more, a request that is already on its way still has this long to arrive. */
const quietMs = 150;
/** And a client that was let in has this long to ask for the first time: a slow one may still be at it. */
const firstRequestMs = 2_000;
/** A generation that was replaced and still has a connection after a day is cut off. */
const replacedMsMax = 24 * 60 * 60 * 1000;

/** What shall leave. */
export interface Draining {
  readonly servers: readonly Server[];
  readonly connections: Connections;
  /** How long a stop waits for open exchanges; 0 = until they end. */
  readonly drainMs: number;
}

/**
 * Lame duck: accepts no new connection and answers what still comes on open ones with `Connection: close`. A `stop`
 * waits for exchanges, for as long as the configuration allows. A core that was `replaced` waits for connections
 * too: an idle one was promised to stay open for a while, and a request may be on its way. What is open when the
 * time is over is cut. The reason may become `stop` later.
 */
export class Drain {
  readonly #core: CoreContext;
  readonly #draining: Draining;
  #reason: DrainReason | undefined;
  #deadlineAtMs = Number.POSITIVE_INFINITY;
  #ended: Promise<void> | undefined;

  constructor(core: CoreContext, draining: Draining) {
    this.#core = core;
    this.#draining = draining;
  }

  /** Resolves when nothing is open any more. Asked again, it may be in more of a hurry. */
  begin(reason: DrainReason): Promise<void> {
    if (this.#reason !== 'stop' && this.#reason !== reason) {
      this.#reason = reason;
      this.#deadlineAtMs = performance.now() + this.#allowedMs(reason);
    }
    this.#ended ??= this.#run();
    return this.#ended;
  }

  #allowedMs(reason: DrainReason): number {
    if (reason === 'replaced') return replacedMsMax;
    return this.#draining.drainMs === 0 ? Number.POSITIVE_INFINITY : this.#draining.drainMs;
  }

  async #run(): Promise<void> {
    const { servers } = this.#draining;
    this.#core.isDraining = true;
    stopAccepting(servers);
    // Event streams are not waited for: their listeners come back, and go on where they were.
    for (const end of [...this.#core.eventStreamEnds]) end();
    const beganAtMs = performance.now();
    let quietSinceMs = beganAtMs;
    while (performance.now() < this.#deadlineAtMs) {
      if (this.#isBusy(beganAtMs)) quietSinceMs = performance.now();
      else if (performance.now() - quietSinceMs >= quietMs) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    cutAll(this.#core, servers);
  }

  #isBusy(beganAtMs: number): boolean {
    const { running, metrics } = this.#core;
    const { open, unused } = this.#draining.connections;
    if (running.size > 0 || metrics.piped > 0) return true;
    if (unused.size > 0 && performance.now() - beganAtMs < firstRequestMs) return true;
    return this.#reason === 'replaced' && open > 0;
  }
}

/** Ends everything at once: open exchanges are cut and say so in the journal. */
export function cutAll(core: CoreContext, servers: readonly Server[]): void {
  core.isDraining = true;
  stopAccepting(servers);
  for (const exchange of core.running.list()) cutExchange(exchange);
  for (const server of servers) server.closeAllConnections();
}

function stopAccepting(servers: readonly Server[]): void {
  for (const server of servers) {
    // http.Server.close() would also close idle keep-alive connections, on which a request may be on its way.
    if (server.listening) net.Server.prototype.close.call(server);
  }
}
