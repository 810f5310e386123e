import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readLines } from '#generation';
import { isReport } from './is-report.ts';
import type { OrphanLink } from './orphans.ts';

/** `sun_path` of Linux holds 108 bytes, of macOS 104, with the final zero. */
const socketPathBytesMax = 103;
/** Orphans stay connected until they end, and each may have a stream that lasts for hours. */
const connectionsMax = 256;
/** A new configuration with its lists of names and certificates. */
const requestBytesMax = 1024 * 1024;
const idleMs = 10_000;

export interface ControlHandlers {
  /** Answered at once. */
  status(): unknown;
  /** Begins a stop; the connection stays open until the supervisor is gone. `now` cuts open exchanges. */
  stop(now: boolean): unknown;
  /** Replaces services; answered when that has succeeded or failed. Never rejects. */
  replace(request: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Has another supervisor take over; answered when that has succeeded or failed. Never rejects. */
  replaceSupervisor(request: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Takes over a process whose supervisor died; a text says why it does not. */
  adopt(claim: unknown, link: OrphanLink): string | undefined;
  /**
   * Notes that a process stands for this supervisor towards its user; a text says why it may not.
   * @param request.alone only when no other one does
   */
  follow(request: { readonly alone: boolean }, onClosed: (callback: () => void) => void): string | undefined;
}

export interface ControlSocket {
  readonly path: string;
  /** Gives the path up, for a successor; connections stay until `close`. */
  release(): void;
  /** Followers are told with which exit code to end. */
  close(exitCode: number): void;
}

/**
 * Answers `{"command":"status"}`, `{"command":"stop","now":false}`, `{"command":"replace","services":["core"]}`
 * (see `ReplaceRequest`), `{"command":"adopt",…}` (see `OrphanClaim`) and `{"command":"follow","alone":true}`, one JSON
 * object a line, to this user's processes only (socket mode 0600 in a directory of mode 0700). A path too long for a
 * Unix socket is replaced by one in a private directory under the system's temporary directory; `path` says which one
 * it became.
 */
export async function openControlSocket(
  wantedPath: string,
  handlers: ControlHandlers,
): Promise<ControlSocket> {
  const path =
    Buffer.byteLength(wantedPath) <= socketPathBytesMax
      ? wantedPath
      : join(mkdtempSync(join(tmpdir(), 'throughline-')), 'control.sock');
  // The caller holds the lock of this supervisor, so whatever is there belongs to a dead one.
  rmSync(path, { force: true });
  const connections = new Set<Socket>();
  const followers = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => {
      connections.delete(socket);
      followers.delete(socket);
    });
    serve(socket, handlers, followers);
  });
  server.maxConnections = connectionsMax;
  await listenAt(server, path);
  let isReleased = false;
  const release = (): void => {
    if (isReleased) return;
    isReleased = true;
    server.close();
    rmSync(path, { force: true });
    if (path !== wantedPath) rmSync(dirname(path), { recursive: true, force: true });
  };
  return {
    path,
    release,
    close(exitCode) {
      release();
      for (const socket of followers) socket.end(`${JSON.stringify({ v: 1, exitCode })}\n`);
      for (const socket of connections) if (!followers.has(socket)) socket.destroy();
    },
  };
}

async function listenAt(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Also later: a connection that cannot be accepted must not end the supervisor.
    server.on('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
}

function serve(socket: Socket, handlers: ControlHandlers, followers: Set<Socket>): void {
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  let hearReport: ((line: string) => void) | undefined;
  readLines(socket, requestBytesMax, (line) => {
    if (hearReport !== undefined) {
      hearReport(line);
      return;
    }
    const request = parse(line);
    if (request?.command === 'adopt') {
      hearReport = adopt(request, socket, handlers);
      return;
    }
    const answering =
      request?.command === 'follow'
        ? follow(request, socket, handlers, followers)
        : answer(request, socket, handlers);
    void Promise.resolve(answering).then((answered) => say(socket, answered));
  });
}

/** From here on the connection is what the IPC channel of a service would be. @returns what takes its reports */
function adopt(request: unknown, socket: Socket, handlers: ControlHandlers): (line: string) => void {
  let report: Parameters<OrphanLink['onReport']>[0] | undefined;
  const error = handlers.adopt(request, {
    send: (message) => say(socket, message),
    onReport: (callback) => {
      report = callback;
    },
    onClosed: (callback) => socket.once('close', callback),
  });
  if (error === undefined) socket.setTimeout(0);
  else socket.end(`${JSON.stringify({ v: 1, error })}\n`);
  return (line) => {
    const message: unknown = parse(line);
    if (isReport(message)) report?.(message);
  };
}

function follow(
  request: Readonly<Record<string, unknown>>,
  socket: Socket,
  handlers: ControlHandlers,
  followers: Set<Socket>,
): unknown {
  const error = handlers.follow({ alone: request.alone === true }, (callback) =>
    socket.once('close', callback),
  );
  if (error !== undefined) return { v: 1, error };
  socket.setTimeout(0);
  followers.add(socket);
  return { v: 1, ok: true };
}

function say(socket: Socket, message: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

function answer(
  request: Record<string, unknown> | undefined,
  socket: Socket,
  handlers: ControlHandlers,
): unknown {
  if (request?.command === 'status') return handlers.status();
  if (request?.command === 'stop') {
    socket.setTimeout(0);
    return handlers.stop(request.now === true);
  }
  if (request?.command === 'replace') {
    socket.setTimeout(0);
    return handlers.replace(request).finally(() => socket.setTimeout(idleMs));
  }
  if (request?.command === 'replace-supervisor') {
    socket.setTimeout(0);
    return handlers.replaceSupervisor(request).finally(() => socket.setTimeout(idleMs));
  }
  return {
    v: 1,
    error:
      'unknown command: this supervisor understands status, stop, replace, replace-supervisor, adopt and follow',
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
