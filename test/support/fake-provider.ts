import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { answerAsProvider } from './plausible-answers.ts';
import { AnsweringConnection, type AnswerScript, type ProviderConnection } from './provider-connection.ts';
import type { ReceivedRequest } from './received-request.ts';
import { waitFor } from './wait-for.ts';

export interface FakeProviderOptions {
  readonly host?: string;
  readonly port?: number;
  /** Listens already, for example in another network namespace; instead of host and port. */
  readonly socket?: Server;
  /** Seeds ids, texts and token counts of the plausible answers. */
  readonly seed?: number;
  readonly keepRawBytes?: boolean;
  /** Reads nothing from new connections until `resumeReading()`. */
  readonly paused?: boolean;
  /** Pause between the events of a plausible streamed answer. */
  readonly eventPauseMs?: number;
}

export interface FakeProvider {
  readonly host: string;
  readonly port: number;
  readonly origin: string;
  /** In the order of their heads. */
  readonly requests: readonly ReceivedRequest[];
  readonly connections: readonly ProviderConnection[];
  /** The n-th request (from 0) as soon as its head is there. */
  request(index: number, timeoutMs?: number): Promise<ReceivedRequest>;
  /** How every request is answered from now on; undefined = plausibly, like a provider. */
  respondWith(script: AnswerScript | undefined): void;
  /** How the next request that has no answer yet is answered; several calls queue up. */
  respondOnceWith(script: AnswerScript): void;
  resumeReading(): void;
  /** Stops accepting new connections, and accepts again on the same port. */
  stopListening(): Promise<void>;
  listenAgain(): Promise<void>;
  /** Forgets requests, closed connections and answers that were queued but not used. */
  forget(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A provider on loopback that answers like Anthropic and OpenAI do, or does whatever a test scripts, down to
 * single bytes and resets.
 */
export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const given = options.socket?.address() as AddressInfo | null | undefined;
  const host = given?.address ?? options.host ?? '127.0.0.1';
  const requests: ReceivedRequest[] = [];
  const connections: AnsweringConnection[] = [];
  const once: AnswerScript[] = [];
  let always: AnswerScript | undefined;
  let isPaused = options.paused ?? false;
  let counter = 0;
  let accepted = 0;

  const scriptFor = (): AnswerScript =>
    once.shift() ??
    always ??
    ((request) =>
      answerAsProvider(request, {
        seed: (options.seed ?? 1) + ++counter,
        ...(options.eventPauseMs === undefined ? {} : { eventPauseMs: options.eventPauseMs }),
      }));

  const accept = (socket: Socket): void => {
    const connection = new AnsweringConnection(
      socket,
      ++accepted,
      options.keepRawBytes ?? false,
      (request) => {
        requests.push(request);
        return scriptFor();
      },
    );
    connections.push(connection);
    if (isPaused) socket.pause();
  };

  let server = await listen(accept, options.socket ?? { host, port: options.port ?? 0 });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stopListening = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      // net.Server waits for its connections before it calls back; the listener itself is gone at once.
      setImmediate(resolve);
    });
  };
  const close = async (): Promise<void> => {
    for (const connection of connections) connection.destroy();
    await stopListening();
  };

  return {
    host,
    port,
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requests,
    connections,
    request: (index, timeoutMs) =>
      waitFor(() => requests[index], {
        what: `request ${index} at the provider`,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      }),
    respondWith: (script) => {
      always = script;
    },
    respondOnceWith: (script) => {
      once.push(script);
    },
    resumeReading: () => {
      isPaused = false;
      for (const connection of connections) connection.resume();
    },
    stopListening,
    listenAgain: async () => {
      server = await listen(accept, { host, port });
    },
    forget: () => {
      requests.length = 0;
      once.length = 0;
      const stillOpen = connections.filter((connection) => connection.closed === undefined);
      connections.splice(0, connections.length, ...stillOpen);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listen(accept: (socket: Socket) => void, where: ListenOptions | Server): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    server.once('error', reject);
    server.listen(where, () => resolve(server));
  });
}

export type { ReceivedRequest } from './received-request.ts';
