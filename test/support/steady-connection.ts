import { connect, type Socket } from 'node:net';
import { answerFraming, headerValue, type WireEvent, WireReader } from './http-wire.ts';
import { requestBytes } from './raw-client.ts';

/** What came of one request. */
export interface SteadyAnswer {
  /**
   * `whole`: the answer ended as its framing says. `left`: we left. `broken`: the connection ended before the answer
   * did. `invalid`: that was not HTTP. `silent`: nothing came for a minute.
   */
  readonly end: 'whole' | 'left' | 'broken' | 'invalid' | 'silent';
  readonly status: number;
  readonly body: Buffer;
  /** The connection may be used again. */
  readonly isKept: boolean;
}

const silenceMsMax = 60_000;

/** A connection that tries nothing twice and forgets each answer when it has been read. */
export class SteadyConnection {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #reader = new WireReader((startLine, headers) => answerFraming('POST', startLine, headers));
  #take: (event: WireEvent | 'ended') => void = () => undefined;
  #hasEnded = false;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    // No encoding is set, so these are bytes.
    socket.on('data', (bytes) => {
      for (const event of this.#reader.feed(bytes as Buffer)) this.#take(event);
    });
    const ended = (): void => {
      this.#hasEnded = true;
      this.#take('ended');
    };
    socket.on('end', ended).on('error', ended).on('close', ended);
  }

  /** Undefined when the connection is refused. */
  static open(url: string): Promise<SteadyConnection | undefined> {
    const { hostname, port, host } = new URL(url);
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      socket.once('error', () => resolve(undefined));
      socket.once('connect', () => resolve(new SteadyConnection(socket, host)));
    });
  }

  /** The other end has closed it since the last answer. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** @param leaves resets the connection when the first piece of the answer's body is there */
  ask(marker: string, body: Buffer, leaves: boolean): Promise<SteadyAnswer> {
    return new Promise((resolve) => {
      const pieces: Buffer[] = [];
      let status = 0;
      let saysClose = false;
      const finish = (end: SteadyAnswer['end']): void => {
        clearTimeout(timer);
        this.#take = () => undefined;
        const isKept = end === 'whole' && !saysClose && !this.#hasEnded;
        if (end === 'left') this.#socket.resetAndDestroy();
        else if (!isKept) this.#socket.destroy();
        resolve({ end, status, body: Buffer.concat(pieces), isKept });
      };
      const timer = setTimeout(() => finish('silent'), silenceMsMax);
      this.#take = (event) => {
        if (event === 'ended') return finish('broken');
        if (event.kind === 'invalid') return finish('invalid');
        if (event.kind === 'complete') return finish('whole');
        if (event.kind === 'body') {
          pieces.push(event.bytes);
          timer.refresh();
          if (leaves) finish('left');
          return;
        }
        status = Number(event.startLine.split(' ')[1]);
        saysClose = headerValue(event.headers, 'connection')?.toLowerCase() === 'close';
      };
      const headers = [
        ['content-type', 'application/json'],
        ['x-claude-code-session-id', marker],
      ] as const;
      this.#socket.write(requestBytes({ method: 'POST', target: '/v1/messages', headers, body }, this.#host));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
