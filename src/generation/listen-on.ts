import { once } from 'node:events';
import { isIP, type Server } from 'node:net';
import type { ListenerSlot, ListeningAddress } from './messages.ts';
import { sameHost } from './same-host.ts';

/** Connections that may wait in the kernel while a generation is being replaced; the kernel caps it further. */
const backlog = 4096;

/**
 * Begins to accept on an inherited descriptor, or on the slot's own host and port when it has none (port 0 lets
 * the system choose). Rejects, with the server closed, when the address is taken or when the server ended up
 * anywhere else: an inherited socket whose bind had failed silently listens on every interface at a random port.
 */
export async function listenOn(server: Server, slot: ListenerSlot): Promise<ListeningAddress> {
  if (slot.fd !== undefined && slot.fd < 3) {
    throw new RangeError(
      `descriptor ${slot.fd} for ${slot.purpose} is a standard stream, sockets start at 3`,
    );
  }
  const where = `${slot.purpose} ${slot.host}:${slot.port}`;
  try {
    listen(server, slot);
    await once(server, 'listening');
  } catch (error) {
    throw new Error(`cannot listen on ${where}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, {
      cause: error,
    });
  }
  const actual = server.address();
  if (actual === null || typeof actual === 'string' || !isExpected(actual, slot)) {
    server.close();
    const found =
      actual === null || typeof actual === 'string' ? String(actual) : `${actual.address}:${actual.port}`;
    throw new Error(`refused to serve ${where}: the socket is bound to ${found}`);
  }
  return { purpose: slot.purpose, host: actual.address, port: actual.port };
}

function listen(server: Server, { fd, host, port }: ListenerSlot): void {
  // Beside a descriptor Node does not look at an option `backlog`, only at this argument.
  if (fd !== undefined) server.listen({ fd }, backlog);
  else server.listen({ host, port, backlog, ipv6Only: host.includes(':') });
}

function isExpected(actual: { address: string; port: number }, slot: ListenerSlot): boolean {
  const systemChoosesPort = slot.fd === undefined && slot.port === 0;
  if (!systemChoosesPort && actual.port !== slot.port) return false;
  if (isIP(slot.host) === 0)
    return slot.host !== 'localhost' || ['127.0.0.1', '::1'].includes(actual.address);
  return sameHost(actual.address, slot.host);
}
