import { createServer, type IncomingMessage, request as sendRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ForwardProxy {
  readonly origin: string;
  readonly port: number;
  /** What it was asked, in order: method, target and login. */
  readonly asked: readonly { readonly method: string; readonly target: string; readonly login?: string }[];
  /** Everything it could read of what went through its tunnels to providers. */
  seen(): string;
  /** What it answers to whoever wants a tunnel from now on, instead of opening one; undefined = it opens them. */
  refuseWith(answer: string | undefined): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An HTTP proxy as companies have them: tunnels for CONNECT, and requests for whole addresses. Leads to loopback only. */
export async function startForwardProxy(): Promise<ForwardProxy> {
  const asked: { method: string; target: string; login?: string }[] = [];
  const seen: Buffer[] = [];
  const open = new Set<Duplex>();
  let refusal: string | undefined;
  const note = ({ method = '', url = '', headers }: IncomingMessage): void => {
    const login = headers['proxy-authorization'];
    asked.push({ method, target: url, ...(login === undefined ? {} : { login }) });
  };
  const server = createServer((incoming, answer) => {
    note(incoming);
    const url = new URL(incoming.url ?? '');
    const { 'proxy-authorization': _login, ...headers } = incoming.headers;
    const outgoing = sendRequest(
      {
        host: '127.0.0.1',
        port: url.port,
        method: incoming.method,
        path: url.pathname + url.search,
        headers,
      },
      (from) => {
        answer.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(answer);
      },
    );
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.on('connection', (socket: Socket) => open.add(socket));
  server.on('connect', (incoming: IncomingMessage, client: Duplex) => {
    note(incoming);
    client.on('error', () => {});
    if (refusal !== undefined) {
      client.write(refusal);
      return;
    }
    const port = Number(incoming.url?.split(':').at(-1));
    const inner = connect({ port, host: '127.0.0.1' }, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.on('data', (bytes: Buffer) => seen.push(bytes));
      client.pipe(inner);
      inner.pipe(client);
    });
    open.add(inner);
    inner.on('error', () => client.destroy());
    inner.on('close', () => client.destroy());
    client.on('close', () => inner.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a proxy has no port');
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    origin: `http://127.0.0.1:${address.port}`,
    port: address.port,
    asked,
    seen: () => Buffer.concat(seen).toString('latin1'),
    refuseWith: (answer) => {
      refusal = answer;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
