import net from 'node:net';

/** A bound TCP socket that this process keeps open and never accepts on. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  readonly fd: number;
  close(): void;
}

/** What Node offers before `net.BoundSocket`: the primitive that `cluster` is built on. */
interface ServerHandle {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}
type CreateServerHandle = (
  host: string,
  port: number,
  family: 4 | 6,
  fd: number,
  flags: number,
) => ServerHandle | number;

/**
 * Binds one IP address. Throws an error with a `code` such as `EADDRINUSE`; the result is always bound exactly
 * where it was asked for (`port` 0 lets the system choose).
 */
export function bindAddress(host: string, port: number): BoundAddress {
  return typeof net.BoundSocket === 'function' ? bindSocket(host, port) : bindHandle(host, port);
}

function bindSocket(host: string, port: number): BoundAddress {
  const socket = new net.BoundSocket({ host, port, ipv6Only: net.isIPv6(host) });
  return { host, port: socket.address().port, fd: socket.fd(), close: () => socket.close() };
}

/** For Node without `BoundSocket`; exported for its test. */
export function bindHandle(host: string, port: number): BoundAddress {
  const { _createServerHandle: create } = net as unknown as { _createServerHandle: CreateServerHandle };
  // 1 is UV_TCP_IPV6ONLY.
  const handle = create(host, port, net.isIPv6(host) ? 6 : 4, -1, net.isIPv6(host) ? 1 : 0);
  if (typeof handle === 'number') throw bindError(host, port, handle);
  // A taken port is not an error yet: libuv keeps it for listen(), and the descriptor is not bound at all.
  const name: { address?: string; port?: number } = {};
  const failure = handle.getsockname(name);
  if (failure !== 0 || name.port === undefined || name.port === 0 || (port !== 0 && name.port !== port)) {
    handle.close();
    throw bindError(host, port, failure);
  }
  return { host, port: name.port, fd: handle.fd, close: () => handle.close() };
}

function bindError(host: string, port: number, errno: number): Error {
  const code = systemErrorCode(errno);
  return Object.assign(new Error(`bind ${code} ${host}:${port}`), { code });
}

function systemErrorCode(errno: number): string {
  const known =
    process.platform === 'darwin'
      ? { 48: 'EADDRINUSE', 49: 'EADDRNOTAVAIL', 13: 'EACCES' }
      : { 98: 'EADDRINUSE', 99: 'EADDRNOTAVAIL', 13: 'EACCES', 97: 'EAFNOSUPPORT' };
  return (known as Record<number, string>)[Math.abs(errno)] ?? 'EADDRINUSE';
}
