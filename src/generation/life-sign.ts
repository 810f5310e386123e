import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname } from 'node:path';

/** Shows as long as this process lives that it does; the kernel ends it with the process, however that ends. */
export interface LifeSign {
  end(): void;
}

/**
 * A Unix socket that somebody listens on. It can be looked at from another pid namespace (another container with the
 * same directory), where pids say nothing, and from another network namespace too, because it is found by its place.
 * A process that is stopped or busy gives it as well: connecting is the kernel's work.
 * Rejects where the file system has no sockets.
 */
export async function giveLifeSign(path: string): Promise<LifeSign> {
  const server = createServer((socket) => socket.destroy());
  try {
    await withShortName(path, (name) => listenAt(server, name));
  } catch (error) {
    throw new Error(
      `cannot make a socket at ${path} (${(error as NodeJS.ErrnoException).code}): the directory must be on a local file system`,
      { cause: error },
    );
  }
  // Connections that cannot be accepted (too many descriptors) wait, which is sign enough.
  server.on('error', () => {});
  server.unref();
  return {
    end() {
      server.close();
      rmSync(path, { force: true });
    },
  };
}

/** True while the process that gave the sign at this place lives. */
export function hasLifeSign(path: string): Promise<boolean> {
  return withShortName(path, answers);
}

function listenAt(server: Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(name, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name);
    const decide = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => decide(true));
    // Refused: nobody listens. Missing: it was taken away. Anything else (a full queue, no right) is no proof of death.
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      decide(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

/** The name of a socket holds 107 bytes; directories may be deeper than that. */
async function withShortName<T>(path: string, use: (name: string) => Promise<T>): Promise<T> {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
}
