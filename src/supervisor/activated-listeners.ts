import net from 'node:net';
import { type ListeningAddress, sameHost } from '#generation';
import type { BoundListener } from './bind-listeners.ts';

/** systemd passes sockets from this descriptor on (sd_listen_fds(3)). */
const firstFd = 3;
const socketsMax = 64;

/** A socket that a service manager bound for us. */
export interface ActivatedSocket {
  readonly host: string;
  readonly port: number;
  readonly fd: number;
  close(): void;
}

/** What `net.createServer` is built on: opens a descriptor without listening on it. */
interface Handle {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}
type CreateServerHandle = (host: null, port: null, family: null, fd: number) => Handle | number;

/**
 * The TCP sockets that a service manager passed to this process with `LISTEN_FDS`; none when they were meant for
 * another process (`LISTEN_PID`). Takes both out of the environment, so that no program started later thinks them its own.
 */
export function activatedSockets(env: NodeJS.ProcessEnv = process.env): ActivatedSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: fds } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  const count = Number(fds);
  if (pid !== String(process.pid) || !Number.isInteger(count) || count < 1) return [];
  const places = Array.from({ length: Math.min(count, socketsMax) }, (_, index) => firstFd + index);
  return places.flatMap((fd) => openSocket(fd) ?? []);
}

/** Which of the wanted addresses are there already, and which have to be bound. Port 0 is never there. */
export function divideListeners(
  wanted: readonly ListeningAddress[],
  activated: readonly ActivatedSocket[],
): { readonly taken: readonly BoundListener[]; readonly missing: readonly ListeningAddress[] } {
  const taken: BoundListener[] = [];
  const missing: ListeningAddress[] = [];
  const left = new Set(activated);
  for (const address of wanted) {
    const found = [...left].find((one) => one.port === address.port && sameHost(one.host, address.host));
    if (found === undefined) missing.push(address);
    else {
      left.delete(found);
      taken.push({ ...found, host: address.host, purpose: address.purpose });
    }
  }
  return { taken, missing };
}

/** Undefined when the descriptor is no TCP socket of ours to use. */
function openSocket(fd: number): ActivatedSocket | undefined {
  const { _createServerHandle: create } = net as unknown as { _createServerHandle: CreateServerHandle };
  try {
    const handle = create(null, null, null, fd);
    if (typeof handle === 'number') return undefined;
    const name: { address?: string; port?: number } = {};
    if (handle.getsockname(name) !== 0 || name.address === undefined || !name.port) return undefined;
    return { host: name.address, port: name.port, fd, close: () => handle.close() };
  } catch {
    return undefined;
  }
}
