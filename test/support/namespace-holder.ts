import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** What a test asks of the process that lives in a network namespace: a socket of that namespace. */
export interface SocketOrder {
  readonly number: number;
  readonly kind: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
}

/** The socket travels with it; `error` instead when there is none. */
export interface SocketReply {
  readonly number: number;
  readonly error?: string;
}

// Keeps its namespaces alive and makes sockets in them. A socket stays in the namespace where it was made, whoever has it.
process.on('message', ({ number, kind, host, port }: SocketOrder) => {
  const fail = (error: Error): void => void process.send?.({ number, error: error.message });
  if (kind === 'tcp') {
    const server = createServer().once('error', fail);
    server.listen(port, host, () => process.send?.({ number }, server, () => server.close()));
  } else {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').once('error', fail);
    socket.bind(port, host, () => process.send?.({ number }, socket, () => socket.close()));
  }
});
process.on('disconnect', () => process.exit());
process.send?.({ number: 0 });
