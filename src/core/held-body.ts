import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failExchange } from './fail.ts';
import type { RunningExchange } from './running-exchange.ts';
import { teeReceived } from './tee.ts';

/** All bodies that are held at the same time; a bound for the memory of this process. */
const allHeldBytesMax = 256 * 1024 * 1024;
let allHeldBytes = 0;
const loosePiecesMax = 1024;

/**
 * The body of a request that somebody has to see before it may go on. It is recorded as it comes, like any other. The
 * client is paused while nobody asks for more.
 */
export class HeldBody {
  bytes = 0;
  /** The last byte is here. */
  isWhole = false;
  readonly #core: CoreContext;
  readonly #exchange: RunningExchange;
  #pieces: Buffer[] = [];
  #loosePieces = 0;
  #isEnough: () => boolean = () => false;
  #grown: (() => void) | undefined;

  constructor(core: CoreContext, exchange: RunningExchange) {
    this.#core = core;
    this.#exchange = exchange;
    core.metrics.bodiesHeld += 1;
    exchange.request.on('data', this.#take);
    exchange.request.once('end', this.#end);
    exchange.request.pause();
    exchange.response.once('close', () => this.#forget());
  }

  /** Reads on until it is enough or whole. Never resolves when the exchange ends before: then nobody needs it. */
  grow(isEnough: () => boolean): Promise<void> {
    if (this.isWhole || isEnough()) return Promise.resolve();
    this.#isEnough = isEnough;
    return new Promise((resolve) => {
      this.#grown = resolve;
      this.#exchange.request.resume();
    });
  }

  /** Reads to the end; false when there is more than `bytesMax`. */
  async growWhole(bytesMax: number): Promise<boolean> {
    await this.grow(() => this.bytes > bytesMax);
    return this.bytes <= bytesMax;
  }

  joined(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    this.#loosePieces = 0;
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  /** Gives what is held away; whoever takes it reads the rest from the request. */
  release(): Buffer {
    const held = this.joined();
    const { request } = this.#exchange;
    request.off('data', this.#take);
    request.off('end', this.#end);
    this.#forget();
    return held;
  }

  readonly #take = (piece: Buffer): void => {
    const exchange = this.#exchange;
    if (exchange.answerPhase !== 'none') return;
    exchange.clientActiveAtUs = nowUs();
    teeReceived(exchange, 'request', piece);
    this.#keep(piece);
    this.bytes += piece.length;
    allHeldBytes += piece.length;
    const { requestBytesMax } = this.#core.config.limits;
    if (requestBytesMax > 0 && this.bytes > requestBytesMax) {
      failExchange(this.#core, exchange, { problem: { code: 'body-too-large' }, end: 'answered-by-us' });
    } else if (allHeldBytes > allHeldBytesMax) {
      const detail = 'too many requests are held in memory to be routed';
      failExchange(this.#core, exchange, { problem: { code: 'too-busy', detail }, end: 'answered-by-us' });
    } else if (this.#isEnough()) {
      exchange.request.pause();
      this.#tell();
    }
  };

  readonly #end = (): void => {
    this.isWhole = true;
    this.#exchange.isUploaded = true;
    this.#exchange.clientActiveAtUs = nowUs();
    this.#tell();
  };

  /** Many small pieces become one now and then: each costs memory besides its bytes. */
  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#loosePieces += 1;
    if (this.#loosePieces < loosePiecesMax) return;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-loosePiecesMax)));
    this.#loosePieces = 0;
  }

  #tell(): void {
    const grown = this.#grown;
    this.#grown = undefined;
    grown?.();
  }

  #forget(): void {
    for (const piece of this.#pieces) allHeldBytes -= piece.length;
    this.#pieces = [];
  }
}
