import { connect, type Socket } from 'node:net';
import { answerFraming, headerValue, type RawHeaders, WireReader } from './http-wire.ts';
import { waitFor } from './wait-for.ts';

/** One answer as it came over the wire. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  header(name: string): string | undefined;
  readonly rawHead: Buffer;
  /** Body with chunk framing removed. */
  readonly body: Buffer;
  readonly trailers: RawHeaders;
  /** The body ended as its framing says; false when the connection broke before. */
  readonly isComplete: boolean;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly headAtMs: number;
}

/**
 * A raw HTTP/1.1 connection: sends exactly the given bytes, shows exactly the bytes that came back and how the
 * connection ended. It never retries and never repairs anything.
 */
export class RawConnection {
  readonly socket: Socket;
  /** Answers in order; the last one may still be growing. Informational (1xx) answers stand in `informational`. */
  readonly answers: RawAnswer[] = [];
  readonly informational: RawAnswer[] = [];
  readonly #received: Buffer[] = [];
  readonly #methods: string[] = [];
  readonly #reader: WireReader;
  #open: GrowingAnswer | undefined;
  /** `fin`: ended properly by the other end; `reset`: RST or another socket error; undefined: still open. */
  ended: 'fin' | 'reset' | undefined;
  endedAtMs: number | undefined;
  invalid: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#reader = new WireReader((startLine, headers) =>
      answerFraming(this.#methods[0] ?? 'GET', startLine, headers),
    );
    // No encoding is set, so these are bytes.
    socket.on('data', (bytes) => this.#take(bytes as Buffer));
    socket.on('end', () => this.#end('fin'));
    socket.on('error', () => this.#end('reset'));
    socket.on('close', () => this.#end('reset'));
  }

  static open(target: { readonly host?: string; readonly port: number }): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: target.host ?? '127.0.0.1', port: target.port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  /** Every byte received so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** True when the connection is between two answers. */
  get isIdle(): boolean {
    return this.#reader.isIdle;
  }

  /** Sends bytes as they are. `method` tells whether the coming answer may have a body. */
  send(bytes: Uint8Array | string, method?: string): void {
    if (method !== undefined) this.#methods.push(method);
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends a whole request. Content-Length is added when there is a body without framing. */
  sendRequest(request: RawRequest): void {
    this.#methods.push(request.method ?? 'GET');
    this.socket.write(requestBytes(request, this.#hostOfPeer()));
  }

  /**
   * The n-th final answer (from 0) when it is complete or its connection has ended; rejects at once when the
   * connection ended without it.
   */
  async answer(index = 0, timeoutMs = 15_000): Promise<RawAnswer> {
    const isSettled = (): boolean => this.ended !== undefined || this.answers[index]?.isComplete === true;
    await waitFor(isSettled, { timeoutMs, what: `answer ${index}` });
    const answer = this.answers[index];
    if (answer === undefined) throw new Error(`the connection ended (${this.ended}) without an answer`);
    return answer;
  }

  /** Sends a request and waits for its answer. */
  ask(request: RawRequest, timeoutMs?: number): Promise<RawAnswer> {
    const index = this.answers.length;
    this.sendRequest(request);
    return this.answer(index, timeoutMs);
  }

  waitForEnd(timeoutMs = 15_000): Promise<'fin' | 'reset'> {
    return waitFor(() => this.ended, { timeoutMs, what: 'the end of the connection' });
  }

  waitForBytes(count: number, timeoutMs = 15_000): Promise<Buffer> {
    return waitFor(() => (this.received.length >= count ? this.received : undefined), {
      timeoutMs,
      what: `${count} bytes`,
    });
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  close(): void {
    this.socket.destroy();
  }

  #hostOfPeer(): string {
    const host = this.socket.remoteAddress ?? '127.0.0.1';
    return `${host.includes(':') ? `[${host}]` : host}:${this.socket.remotePort}`;
  }

  #take(bytes: Buffer): void {
    this.#received.push(bytes);
    for (const event of this.#reader.feed(bytes)) {
      if (event.kind === 'head') this.#begin(event.startLine, event.headers, event.raw);
      else if (event.kind === 'body') this.#open?.take(event.bytes);
      else if (event.kind === 'complete') {
        this.#open?.complete(event.trailers);
        if ((this.#open?.status ?? 0) >= 200) this.#methods.shift();
        this.#open = undefined;
      } else this.invalid = event.reason;
    }
  }

  #begin(startLine: string, headers: RawHeaders, raw: Buffer): void {
    this.#open = new GrowingAnswer(startLine, headers, raw);
    (this.#open.status < 200 ? this.informational : this.answers).push(this.#open);
  }

  #end(reason: 'fin' | 'reset'): void {
    if (this.ended !== undefined) return;
    if (reason === 'fin' && this.#reader.endsWithConnection) this.#open?.complete([]);
    this.ended = reason;
    this.endedAtMs = performance.now();
  }
}

export interface RawRequest {
  readonly method?: string;
  readonly target: string;
  /** Sent as they stand; Host and Content-Length are added when missing. */
  readonly headers?: RawHeaders;
  readonly body?: Uint8Array | string;
}

/** @param host added as `Host` when the request names none */
export function requestBytes(request: RawRequest, host: string): Buffer {
  const headers = [...(request.headers ?? [])];
  const has = (name: string): boolean => headerValue(headers, name) !== undefined;
  if (!has('host')) headers.unshift(['Host', host]);
  const body = Buffer.from((request.body ?? '') as Uint8Array);
  if (body.length > 0 && !has('content-length') && !has('transfer-encoding')) {
    headers.push(['Content-Length', String(body.length)]);
  }
  const lines = [
    `${request.method ?? 'GET'} ${request.target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** Opens a connection, asks once and closes. @param url `http://host:port` */
export async function askOnce(url: string, request: RawRequest, timeoutMs?: number): Promise<RawAnswer> {
  const connection = await openRaw(url);
  try {
    return await connection.ask(request, timeoutMs);
  } finally {
    connection.close();
  }
}

export function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  return RawConnection.open({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
}

class GrowingAnswer implements RawAnswer {
  readonly statusLine: string;
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  readonly rawHead: Buffer;
  readonly headAtMs = performance.now();
  trailers: RawHeaders = [];
  isComplete = false;
  readonly #pieces: Buffer[] = [];

  constructor(statusLine: string, headers: RawHeaders, raw: Buffer) {
    this.statusLine = statusLine;
    this.status = Number(statusLine.split(' ')[1]);
    this.rawHeaders = headers;
    this.rawHead = raw;
  }

  get body(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  header(name: string): string | undefined {
    return headerValue(this.rawHeaders, name);
  }

  take(bytes: Buffer): void {
    this.#pieces.push(bytes);
  }

  complete(trailers: RawHeaders): void {
    this.trailers = trailers;
    this.isComplete = true;
  }
}
