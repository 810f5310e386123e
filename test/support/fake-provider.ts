import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type RawHeaders, requestFraming, type WireEvent, WireReader } from './http-wire.ts';
import { answerAsProvider } from './plausible-answers.ts';
import {
  type AnswerPiece,
  chunkFrame,
  isBytes,
  lastChunk,
  layOutAnswer,
  type ScriptedAnswer,
} from './scripted-answer.ts';
import { waitFor } from './wait-for.ts';

/** A request as it arrived at the provider, byte for byte. It grows while the request is still coming. */
export interface ReceivedRequest {
  /** Number of the connection it came on, from 1 in the order of acceptance. */
  readonly connection: number;
  /** 1 for the first request on its connection. */
  readonly indexOnConnection: number;
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  readonly rawHeaders: RawHeaders;
  /** The head exactly as received, with its empty line. */
  readonly rawHead: Buffer;
  /** First value of a field, by name without case. */
  header(name: string): string | undefined;
  /** The body so far, with chunk framing removed. */
  readonly body: Buffer;
  readonly bodyBytes: number;
  readonly trailers: RawHeaders;
  /** The body arrived whole. */
  readonly isComplete: boolean;
  /** Resolves when the body is whole; rejects when the connection ends before. */
  readonly completed: Promise<void>;
  /** The last byte of the answer was handed to the system. */
  readonly isAnswered: boolean;
  /** How and when the other end (or we) ended the connection; undefined while it is open. */
  readonly closed: ConnectionEnd | undefined;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly receivedAtMs: number;
}

export interface ConnectionEnd {
  /** `fin` and `reset` by the other end; `local`: we ended it. */
  readonly reason: 'fin' | 'reset' | 'local';
  /** Milliseconds on the clock of `performance.now()`. */
  readonly atMs: number;
}

export interface ProviderConnection {
  readonly number: number;
  readonly openedAtMs: number;
  readonly closed: ConnectionEnd | undefined;
  /** Bytes in each direction so far. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Every byte that arrived; kept only with `keepRawBytes`. */
  readonly rawReceived: Buffer;
  /** What does not follow HTTP/1.1, when something did not. */
  readonly invalid: string | undefined;
  /** Sends bytes that belong to no answer. */
  sendUnasked(bytes: Uint8Array | string): void;
  end(): void;
  reset(): void;
}

export type AnswerScript =
  | ScriptedAnswer
  | ((request: ReceivedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>);

export interface FakeProviderOptions {
  readonly host?: string;
  readonly port?: number;
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
  const host = options.host ?? '127.0.0.1';
  const requests: ReceivedRequest[] = [];
  const connections: Connection[] = [];
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
    const connection = new Connection(socket, ++accepted, options.keepRawBytes ?? false, (request) => {
      requests.push(request);
      return scriptFor();
    });
    connections.push(connection);
    if (isPaused) socket.pause();
  };

  let server = await listen(accept, host, options.port ?? 0);
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
      server = await listen(accept, host, port);
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

function listen(accept: (socket: Socket) => void, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

class Connection implements ProviderConnection {
  readonly openedAtMs = performance.now();
  readonly number: number;
  closed: ConnectionEnd | undefined;
  invalid: string | undefined;
  readonly #socket: Socket;
  readonly #raw: Buffer[] = [];
  readonly #onRequest: (request: ReceivedRequest) => AnswerScript;
  readonly #reader = new WireReader(requestFraming);
  #current: GrowingRequest | undefined;
  #count = 0;
  #answers: Promise<void> = Promise.resolve();

  constructor(
    socket: Socket,
    number: number,
    keepRawBytes: boolean,
    onRequest: (request: ReceivedRequest) => AnswerScript,
  ) {
    this.#socket = socket;
    this.number = number;
    this.#onRequest = onRequest;
    socket.on('data', (data) => {
      const bytes = data as Buffer; // No encoding is set, so these are bytes.
      if (keepRawBytes) this.#raw.push(bytes);
      for (const event of this.#reader.feed(bytes)) this.#take(event);
    });
    socket.on('end', () => {
      this.#ended('fin');
      socket.end();
    });
    socket.on('error', () => this.#ended('reset'));
    socket.on('close', () => this.#ended('local'));
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  get rawReceived(): Buffer {
    return Buffer.concat(this.#raw);
  }

  sendUnasked(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#ended('local');
    this.#socket.end();
  }

  reset(): void {
    this.#ended('local');
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#ended('local');
    this.#socket.destroy();
  }

  #take(event: WireEvent): void {
    switch (event.kind) {
      case 'head': {
        const request = new GrowingRequest(this, ++this.#count, event);
        this.#current = request;
        const script = this.#onRequest(request);
        this.#answers = this.#answers.then(() => this.#answer(request, script)).catch(() => this.destroy());
        return;
      }
      case 'body':
        this.#current?.take(event.bytes);
        return;
      case 'complete':
        this.#current?.complete(event.trailers);
        return;
      case 'invalid':
        this.invalid = event.reason;
        this.destroy();
    }
  }

  #ended(reason: ConnectionEnd['reason']): void {
    if (this.closed !== undefined) return;
    this.closed = { reason, atMs: performance.now() };
    this.#current?.abandon(reason);
  }

  async #answer(request: GrowingRequest, script: AnswerScript): Promise<void> {
    // A handler sees the request at its head; a plain script waits for the whole request unless it is `early`.
    if (typeof script === 'object' && script.early !== true) await request.completed.catch(() => undefined);
    const answer = typeof script === 'object' ? script : await script(request);
    if (typeof script !== 'object' && answer.early !== true) await request.completed.catch(() => undefined);
    if (this.closed !== undefined) return;
    if (answer.raw !== undefined) await this.#send(answer.raw, false);
    else await this.#sendLaidOut(answer);
    await this.#finish(answer);
    request.isAnswered = true;
  }

  async #sendLaidOut(answer: ScriptedAnswer): Promise<void> {
    const { head, body, isChunked, endsConnection } = layOutAnswer(answer);
    const [first, ...rest] = body;
    // Head and first piece travel together, as real servers send them.
    if (first !== undefined && isBytes(first)) {
      const bytes = Buffer.from(first as Uint8Array);
      await this.#write(Buffer.concat([head, isChunked && bytes.length > 0 ? chunkFrame(bytes) : bytes]));
      await this.#send(rest, isChunked);
    } else {
      await this.#write(head);
      await this.#send(body, isChunked);
    }
    if ((answer.ending ?? 'end') !== 'end') return;
    if (isChunked) await this.#write(lastChunk(answer.trailers));
    if (endsConnection) this.end();
  }

  async #send(pieces: readonly AnswerPiece[], isChunked: boolean): Promise<void> {
    for (const piece of pieces) {
      if (this.closed !== undefined) return;
      if (isBytes(piece)) {
        const bytes = Buffer.from(piece as Uint8Array);
        if (bytes.length > 0) await this.#write(isChunked ? chunkFrame(bytes) : bytes);
      } else if ('pauseMs' in piece) await delay(piece.pauseMs);
      else await piece.until;
    }
  }

  async #finish(answer: ScriptedAnswer): Promise<void> {
    switch (answer.ending ?? 'end') {
      case 'end':
        if (answer.unasked !== undefined) await this.#write(Buffer.from(answer.unasked as Uint8Array));
        return;
      case 'fin':
        this.end();
        return;
      case 'reset':
        this.reset();
        return;
      case 'stall':
        await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    }
  }

  /** Resolves when the system took the bytes, or when the connection is gone. */
  #write(bytes: Uint8Array): Promise<void> {
    if (this.closed !== undefined || this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }
}

class GrowingRequest implements ReceivedRequest {
  readonly receivedAtMs = performance.now();
  readonly connection: number;
  readonly indexOnConnection: number;
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  readonly rawHeaders: RawHeaders;
  readonly rawHead: Buffer;
  readonly completed: Promise<void>;
  trailers: RawHeaders = [];
  isComplete = false;
  isAnswered = false;
  bodyBytes = 0;
  readonly #pieces: Buffer[] = [];
  readonly #connection: Connection;
  readonly #settle: PromiseWithResolvers<void>;

  constructor(connection: Connection, index: number, head: WireEvent & { kind: 'head' }) {
    this.#connection = connection;
    this.connection = connection.number;
    this.indexOnConnection = index;
    const [method = '', target = '', version = ''] = head.startLine.split(' ');
    this.method = method;
    this.target = target;
    this.httpVersion = version.replace('HTTP/', '');
    this.rawHeaders = head.headers;
    this.rawHead = head.raw;
    this.#settle = Promise.withResolvers<void>();
    this.completed = this.#settle.promise;
    // Most tests never look at it; an abandoned upload must not count as an unhandled rejection.
    this.completed.catch(() => undefined);
  }

  get body(): Buffer {
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
  }

  get closed(): ConnectionEnd | undefined {
    return this.#connection.closed;
  }

  header(name: string): string | undefined {
    return this.rawHeaders.find(([candidate]) => candidate.toLowerCase() === name.toLowerCase())?.[1];
  }

  take(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.bodyBytes += bytes.length;
  }

  complete(trailers: RawHeaders): void {
    this.trailers = trailers;
    this.isComplete = true;
    this.#settle.resolve();
  }

  abandon(reason: string): void {
    this.#settle.reject(new Error(`the connection ended (${reason}) before the request was whole`));
  }
}
