import type { RawHeaders, WireEvent } from './http-wire.ts';

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

/** What a growing request needs to know of its connection. */
interface OwningConnection {
  readonly number: number;
  readonly closed: ConnectionEnd | undefined;
}

/** A request that is still coming: the connection feeds it. */
export class GrowingRequest implements ReceivedRequest {
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
  readonly #connection: OwningConnection;
  readonly #settle: PromiseWithResolvers<void>;

  constructor(connection: OwningConnection, index: number, head: WireEvent & { kind: 'head' }) {
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
