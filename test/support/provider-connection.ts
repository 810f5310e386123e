import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { requestFraming, type WireEvent, WireReader } from './http-wire.ts';
import { type ConnectionEnd, GrowingRequest, type ReceivedRequest } from './received-request.ts';
import {
  type AnswerPiece,
  chunkFrame,
  isBytes,
  lastChunk,
  layOutAnswer,
  type ScriptedAnswer,
} from './scripted-answer.ts';

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

/** A fixed answer, or one that is made when the head of the request is there. */
export type AnswerScript =
  | ScriptedAnswer
  | ((request: ReceivedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>);

/** One accepted connection: reads requests and plays their answers in order. */
export class AnsweringConnection implements ProviderConnection {
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
