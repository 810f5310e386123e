import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readLines } from './lines.ts';

/** `sun_path` of Linux holds 108 bytes, of macOS 104, with the final zero. */
const socketPathBytesMax = 103;
const connectionsMax = 16;
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
}

export interface ControlSocket {
  readonly path: string;
  /** Gives the path up, for a successor; connections stay until `close`. */
  release(): void;
  close(): void;
}

/**
 * Answers `{"command":"status"}`, `{"command":"stop","now":false}` and `{"command":"replace","services":["core"]}`
 * (see `ReplaceRequest`), one JSON object a line, to this user's processes only (socket mode 0600 in a directory of mode 0700). A path too long for a Unix socket is replaced by
 * one in a private directory under the system's temporary directory; `path` says which one it became.
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
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serve(socket, handlers);
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
    close() {
      release();
      for (const socket of connections) socket.destroy();
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

function serve(socket: Socket, handlers: ControlHandlers): void {
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  readLines(socket, requestBytesMax, (line) => {
    void Promise.resolve(answer(line, socket, handlers)).then((answered) => {
      if (socket.writable) socket.write(`${JSON.stringify(answered)}\n`);
    });
  });
}

function answer(line: string, socket: Socket, handlers: ControlHandlers): unknown {
  const request = parse(line);
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
    error: 'unknown command: this supervisor understands status, stop, replace and replace-supervisor',
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
