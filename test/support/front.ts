import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { projectDirectory } from './child-process.ts';
import { makeTempDir } from './temp-home.ts';
import { waitFor } from './wait-for.ts';

export type FrontKind = 'builtin' | 'caddy' | 'nginx' | 'haproxy';

export interface FrontPorts {
  readonly front: number;
  readonly core: number;
  readonly data: number;
}

/** A real reverse proxy that runs the configuration this project ships for it. */
export interface Front {
  /** What the program's own check of the configuration said. */
  readonly check: { readonly status: number | null; readonly output: string };
  stop(): Promise<void>;
}

/** Starts the program in front of core and data, or throws a sentence that says how to get it. */
export async function startFront(kind: Exclude<FrontKind, 'builtin'>, ports: FrontPorts): Promise<Front> {
  const place = makeTempDir(kind);
  const plan = plans[kind](ports, place.path);
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
    HOME: place.path,
    XDG_CONFIG_HOME: place.path,
    XDG_DATA_HOME: place.path,
    PORT: String(ports.front),
    PROXY_CORE_PORT: String(ports.core),
    PROXY_DATA_PORT: String(ports.data),
  };
  const checked = spawnSync(kind, [...plan.check], { env, cwd: place.path, encoding: 'utf8' });
  if (checked.error !== undefined)
    throw new Error(`${kind} is missing; install it: scripts/toolchain packages ${kind}`, {
      cause: checked.error,
    });
  const output = `${checked.stdout}${checked.stderr}`;
  const child = spawn(kind, [...plan.run], { env, cwd: place.path, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said = `${said}${bytes}`.slice(-20_000);
    });
  const stop = async (): Promise<void> => {
    await end(child);
    place.remove();
  };
  process.once('exit', () => child.kill('SIGKILL'));
  try {
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error('it has ended');
        return fetch(`http://127.0.0.1:${ports.front}/livez`).then(() => true);
      },
      { timeoutMs: 20_000, intervalMs: 30, what: () => `${kind} to listen; it said:\n${output}${said}` },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { check: { status: checked.status, output }, stop };
}

interface Plan {
  readonly check: readonly string[];
  readonly run: readonly string[];
}

const plans: Record<Exclude<FrontKind, 'builtin'>, (ports: FrontPorts, place: string) => Plan> = {
  caddy: () => {
    const file = ['--config', join(projectDirectory, 'Caddyfile'), '--adapter', 'caddyfile'];
    return { check: ['validate', ...file], run: ['run', ...file] };
  },
  nginx: (ports, place) => {
    const file = join(place, 'nginx.conf');
    writeFileSync(file, nginxText(ports));
    mkdirSync(join(place, 'logs'), { recursive: true });
    const files = ['-p', `${place}/`, '-c', file];
    // Under root, nginx would give its workers to another user.
    const isRoot = process.getuid?.() === 0;
    return {
      check: ['-t', ...files],
      run: [...files, '-g', `daemon off;${isRoot ? ' user root;' : ''}`],
    };
  },
  haproxy: () => {
    const file = join(projectDirectory, 'examples/haproxy.cfg');
    return { check: ['-c', '-f', file], run: ['-db', '-f', file] };
  },
};

/** The shipped file with other ports, as its first lines tell a user to change it. */
function nginxText(ports: FrontPorts): string {
  const text = readFileSync(join(projectDirectory, 'examples/nginx.conf'), 'utf8');
  return text
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${ports.front}`)
    .replaceAll('127.0.0.1:3001', `127.0.0.1:${ports.core}`)
    .replaceAll('127.0.0.1:3002', `127.0.0.1:${ports.data}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

/** Ports of loopback that nobody has at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
