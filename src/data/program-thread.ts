import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from './log.ts';

export interface ThreadOptions<From> {
  /** Reaches the thread as `workerData`. */
  readonly data: unknown;
  /** Above this the thread ends, and is started again; the process goes on. */
  readonly memoryMegabytes: number;
  readonly log: Logger;
  /** It has loaded everything, the first time or after a new start. */
  readonly onReady?: () => void;
  readonly onMessage: (message: From) => void;
  /** The thread is gone, and with it everything it was asked for. */
  readonly onEnd: () => void;
}

export interface ProgramThread<To> {
  /** Says nothing to a thread that is gone. */
  send(message: To): void;
  /** Waits for the thread to end by itself, then ends it. */
  stop(timeMs: number): Promise<void>;
}

const restartMs = { first: 1_000, max: 30_000 };

/**
 * Starts one of the programs that run as a thread of proxy-data, and starts it again when it dies. Its first message
 * has the kind `ready`.
 * @returns when it is ready. Rejects when it ends before.
 */
export async function startThread<To, From extends { readonly kind: string }>(
  name: 'index' | 'query',
  options: ThreadOptions<From>,
): Promise<ProgramThread<To>> {
  const { log, onMessage, onEnd } = options;
  let worker: Worker | undefined;
  let isStopping = false;
  let restartAfterMs = restartMs.first;

  function start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = new Worker(programOf(name), {
        name,
        workerData: options.data,
        resourceLimits: { maxOldGenerationSizeMb: options.memoryMegabytes },
      });
      worker = started;
      started.on('message', (message: From) => {
        if (message.kind === 'ready') {
          restartAfterMs = restartMs.first;
          options.onReady?.();
          resolve();
        } else onMessage(message);
      });
      started.on('error', (error) => {
        log.error({ err: error, thread: name }, 'a thread ended; it is started again');
        reject(error);
      });
      started.on('exit', () => {
        worker = undefined;
        onEnd();
        reject(new Error(`the ${name} thread ended before it was ready`));
        if (!isStopping) void startAgain();
      });
    });
  }

  async function startAgain(): Promise<void> {
    const waitMs = restartAfterMs;
    restartAfterMs = Math.min(restartAfterMs * 2, restartMs.max);
    await sleep(waitMs, undefined, { ref: false });
    // When this fails too, its end has asked for the next attempt already.
    if (!isStopping) await start().catch(() => undefined);
  }

  try {
    await start();
  } catch (error) {
    isStopping = true;
    throw error;
  }
  return {
    send: (message) => worker?.postMessage(message),
    async stop(timeMs) {
      isStopping = true;
      const ending = worker;
      if (ending === undefined) return;
      const gone = new Promise((resolve) => ending.once('exit', resolve));
      const isGone = await Promise.race([gone.then(() => true), sleep(timeMs, false, { ref: false })]);
      if (!isGone) await ending.terminate();
    },
  };
}

/** Beside this file as source, and beside the built program. */
function programOf(name: 'index' | 'query'): URL {
  const isSource = fileURLToPath(import.meta.url).endsWith('.ts');
  return new URL(isSource ? `./${name}-thread/main.ts` : `./data-${name}.js`, import.meta.url);
}
