import { write } from 'node:fs';

/** Log text that waits for a slow reader; what comes on top is counted and left out. */
const waitingBytesMax = 1024 * 1024;
const busyRetryMs = 20;

/**
 * Writes lines to a descriptor without ever blocking the event loop: Node's own standard error is synchronous on
 * terminals and pipes, and a terminal that is stopped (Ctrl+S) would stop the supervisor and, in turn, whoever
 * logs into it. Writes go through the thread pool, one at a time, in order.
 */
export class LogSink {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #leftOut = 0;
  #isWriting = false;
  #isBroken = false;
  #onIdle: (() => void)[] = [];

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Adds one line; the line feed is added here. Never throws. */
  line(text: string): void {
    if (this.#isBroken) return;
    const bytes = Buffer.from(`${text}\n`);
    if (this.#waitingBytes + bytes.length > waitingBytesMax) {
      this.#leftOut += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writeNext();
  }

  /** Resolves when everything is written, the reader is gone, or the time is over. */
  async flush(timeoutMs: number): Promise<void> {
    if (!this.#isWriting) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onIdle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #writeNext(): void {
    if (this.#isWriting) return;
    if (this.#waiting.length === 0) {
      this.#becomeIdle();
      return;
    }
    this.#isWriting = true;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#write(bytes), busyRetryMs);
        return;
      }
      if (error !== null) {
        this.#break();
        return;
      }
      this.#waitingBytes -= written;
      if (written < bytes.length) {
        this.#write(bytes.subarray(written));
        return;
      }
      this.#isWriting = false;
      this.#tellWhatWasLeftOut();
      this.#writeNext();
    });
  }

  #tellWhatWasLeftOut(): void {
    if (this.#leftOut === 0) return;
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.line(
      JSON.stringify({
        level: 40,
        time: Date.now(),
        service: 'supervisor',
        msg: `${count} log lines were left out: their reader was too slow`,
      }),
    );
  }

  #break(): void {
    this.#isBroken = true;
    this.#isWriting = false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#becomeIdle();
  }

  #becomeIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
