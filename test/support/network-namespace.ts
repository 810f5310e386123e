import { execFileSync } from 'node:child_process';
import type { Socket as UdpSocket } from 'node:dgram';
import { BoundSocket, type Server } from 'node:net';
import { join } from 'node:path';
import { endProcess, projectDirectory, startProgram } from './child-process.ts';
import type { SocketOrder, SocketReply } from './namespace-holder.ts';
import { startThroughline, type Throughline, type ThroughlineOptions } from './throughline.ts';
import { waitFor } from './wait-for.ts';

/**
 * A network and a table of mounts of their own: nothing outside can be reached from in there. Needs the rights of root
 * and the programs `unshare`, `nsenter` and `ip`.
 */
export interface NetworkNamespace {
  /** Any process in it. */
  readonly pid: number;
  /** Starts what follows it inside; see `SpawnOptions`. */
  readonly launcher: readonly string[];
  /** Runs a line of shell inside. */
  run(line: string): void;
  /** A socket of the namespace that listens, in the hands of the test. */
  listen(host: string, port: number): Promise<Server>;
  /** Port 0 takes any free one. */
  bindUdp(host: string, port: number): Promise<UdpSocket>;
  close(): Promise<void>;
}

export async function createNetworkNamespace(): Promise<NetworkNamespace> {
  const holder = join(projectDirectory, 'test/support/namespace-holder.ts');
  const owned = startProgram(
    'unshare',
    ['--net', '--mount', process.execPath, '--disable-warning=ExperimentalWarning', holder],
    { env: {}, input: 'ipc' },
  );
  const replies = new Map<number, { readonly reply: SocketReply; readonly handle: unknown }>();
  owned.child.on('message', (message, handle) => {
    const reply = message as SocketReply; // Sent by the holder alone.
    replies.set(reply.number, { reply, handle });
  });
  await waitFor(() => replies.has(0), {
    what: () => `a network namespace: run this test as root, where it may make one\n${owned.stderr()}`,
  });
  const launcher = ['nsenter', '--target', String(owned.pid), '--net', '--mount'];
  const run = (line: string): void => {
    const path = `${process.env.PATH}:/usr/sbin:/sbin`;
    execFileSync('nsenter', [...launcher.slice(1), '/bin/sh', '-ec', line], {
      stdio: 'pipe',
      env: { PATH: path },
    });
  };
  run('ip link set lo up');

  let orders = 0;
  async function make(kind: SocketOrder['kind'], host: string, port: number): Promise<unknown> {
    orders += 1;
    const number = orders;
    owned.child.send({ number, kind, host, port } satisfies SocketOrder);
    const { reply, handle } = await waitFor(() => replies.get(number), {
      what: `a socket at ${host}:${port}`,
    });
    if (reply.error !== undefined) throw new Error(reply.error);
    return handle;
  }

  return {
    pid: owned.pid,
    launcher,
    run,
    listen: async (host, port) => (await make('tcp', host, port)) as Server,
    bindUdp: async (host, port) => (await make('udp', host, port)) as UdpSocket,
    close: async () => void (await endProcess(owned)),
  };
}

/**
 * Services inside the namespace whose front and proxy-core listen outside of it, where the test is: their sockets are
 * passed as a service manager would.
 */
export async function startThroughlineInside(
  namespace: NetworkNamespace,
  options: ThroughlineOptions,
): Promise<Throughline> {
  const sockets = ['front', 'core'].map(() => new BoundSocket({ host: '127.0.0.1', port: 0 }));
  const [front, core] = sockets.map((socket) => socket.address().port);
  const passing = ['/bin/sh', '-c', `LISTEN_PID=$$ LISTEN_FDS=${sockets.length} exec "$@"`, 'sh'];
  try {
    return await startThroughline({
      ...options,
      config: {
        ...options.config,
        // Whose connections these are can only be seen outside.
        server: {
          check_peer_user: false,
          ...(options.config?.server as object | undefined),
          port: front,
          core_port: core,
        },
      },
      launcher: [...namespace.launcher, ...passing],
      descriptors: sockets.map((socket) => socket.fd()),
    });
  } finally {
    for (const socket of sockets) socket.close();
  }
}
