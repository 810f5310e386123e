import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { hostOf } from './hostile-client.ts';

export interface Streamed {
  readonly status: number;
  readonly bytes: number;
  /** The answer ended as its framing says. */
  readonly isComplete: boolean;
}

/** Asks once on a connection of its own and counts what comes back; never rejects: status 0 = no answer. */
export function countAnswer(
  url: string,
  options: { readonly method?: string; readonly body?: Iterable<Buffer>; readonly length?: number } = {},
): Promise<Streamed> {
  return new Promise((resolve) => {
    let bytes = 0;
    let status = 0;
    const done = (isComplete: boolean): void => resolve({ status, bytes, isComplete });
    const request = httpRequest(
      url,
      {
        method: options.method ?? 'POST',
        agent: false,
        headers: options.length === undefined ? {} : { 'content-length': options.length },
      },
      (answer) => {
        status = answer.statusCode ?? 0;
        answer.on('data', (piece: Buffer) => {
          bytes += piece.length;
        });
        answer.once('end', () => done(answer.complete));
        answer.once('error', () => done(false));
      },
    );
    request.once('error', () => done(false));
    void upload(request, options.body ?? []);
  });
}

async function upload(request: ReturnType<typeof httpRequest>, body: Iterable<Buffer>): Promise<void> {
  let goOn = (): void => undefined;
  request.on('drain', () => goOn()).once('close', () => goOn());
  for (const piece of body) {
    if (request.destroyed) return;
    if (!request.write(piece))
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
  }
  request.end();
}

/** One keep-alive client that knows the length of every answer, and leaves when it is told to. */
export class ImpatientClient {
  readonly #url: string;
  readonly #answerBytes: number;
  #socket: Socket | undefined;

  /** @param answerBytes length of every answer's body */
  constructor(url: string, answerBytes: number) {
    this.#url = url;
    this.#answerBytes = answerBytes;
  }

  /**
   * Sends a request and reads its answer; resolves with true when it was whole.
   * @param leaveAfter bytes of the answer after which the client resets the connection; below 0: so many bytes
   *   before the end of the request
   */
  async ask(body: Buffer, leaveAfter?: number): Promise<boolean> {
    const socket = this.#socket ?? (await this.#open());
    const head = `POST /v1/messages HTTP/1.1\r\nHost: ${hostOf(this.#url)}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const whole = Buffer.concat([Buffer.from(head), body]);
    const isCutShort = leaveAfter !== undefined && leaveAfter < 0;
    return new Promise((resolve) => {
      let received = 0;
      let bodyBegins = 0;
      const finish = (isWhole: boolean): void => {
        socket.removeAllListeners('data').removeAllListeners('close');
        if (!isWhole) this.leave();
        resolve(isWhole);
      };
      socket.on('close', () => finish(false));
      socket.on('data', (piece) => {
        if (bodyBegins === 0) bodyBegins = piece.indexOf('\r\n\r\n') + 4;
        received += piece.length;
        if (leaveAfter !== undefined && received > leaveAfter) finish(false);
        else if (received >= bodyBegins + this.#answerBytes) finish(true);
      });
      socket.write(isCutShort ? whole.subarray(0, leaveAfter) : whole, () => {
        if (isCutShort || leaveAfter === 0) finish(false);
      });
    });
  }

  leave(): void {
    this.#socket?.resetAndDestroy();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(this.#url).port), noDelay: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    this.#socket = socket;
    return socket;
  }
}
