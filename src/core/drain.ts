import type { Server } from 'node:http';
import net from 'node:net';
import type { CoreContext } from './core-context.ts';
import { cutExchange } from './fail.ts';

const pollMs = 25;
/** When nothing is open any more, a request that is already on its way still has this long to arrive. */
const quietMs = 150;

/**
 * Lame duck: accepts no new connection, answers what still comes on open ones with `Connection: close`, resolves
 * when nothing is open or when the limit has passed; what is open then is cut.
 * @param drainMs 0 = no limit
 */
export async function drain(core: CoreContext, servers: readonly Server[], drainMs: number): Promise<void> {
  core.isDraining = true;
  stopAccepting(servers);
  const deadlineAtMs = drainMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + drainMs;
  let quietSinceMs = performance.now();
  while (performance.now() < deadlineAtMs) {
    // Event streams are not waited for: they end when their listener goes.
    if (core.running.size > 0 || core.metrics.piped > 0) quietSinceMs = performance.now();
    else if (performance.now() - quietSinceMs >= quietMs) break;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  cutAll(core, servers);
}

/** Ends everything at once: open exchanges are cut and say so in the journal. */
export function cutAll(core: CoreContext, servers: readonly Server[]): void {
  core.isDraining = true;
  stopAccepting(servers);
  for (const exchange of [...core.running]) cutExchange(exchange);
  for (const server of servers) server.closeAllConnections();
}

function stopAccepting(servers: readonly Server[]): void {
  for (const server of servers) {
    // http.Server.close() would also close idle keep-alive connections, on which a request may be on its way.
    if (server.listening) net.Server.prototype.close.call(server);
  }
}
