import { type ChildProcess, spawn } from 'node:child_process';
import type { Bequest, KeptDescriptors, Testament } from './messages.ts';
import { acquireProcessLock, type ProcessLock } from './process-lock.ts';

/** The environment variable that tells a new supervisor what it inherits. */
export const inheritanceVariable = 'THROUGHLINE_INHERITANCE';

/**
 * The right to start the next supervisor, and the use of it. The lock only keeps several from starting one at the
 * same time: that no two ever supervise is up to the locks of the supervisors themselves.
 */
export class Election {
  readonly #lockPath: string;
  #lock: ProcessLock | undefined;
  #child: ChildProcess | undefined;

  constructor(lockPath: string) {
    this.#lockPath = lockPath;
  }

  /** True when this process has the right now. Rejects when the file system refuses. */
  async stand(): Promise<boolean> {
    const result = await acquireProcessLock(this.#lockPath);
    if (result.kind === 'held') this.#lock = result.lock;
    return result.kind === 'held';
  }

  /**
   * Starts a supervisor that goes on where the dead one was: same program and arguments, same sockets, same output. It
   * lives longer than this process.
   * @param onEnded called once when it ends before `conclude`, with the reason unless another one was just faster
   */
  start(
    { program, args, estate, earlyDeaths }: Testament,
    { listeners, output, errors }: KeptDescriptors,
    onEnded: (reason?: string) => void,
  ): void {
    // 3 is the channel, as everywhere.
    const inherited = listeners.map((listener, index) => ({ ...listener, fd: 4 + index }));
    const child = spawn(program, args, {
      stdio: ['ignore', output, errors, 'ipc', ...listeners.map(({ fd }) => fd)],
      env: {
        ...process.env,
        [inheritanceVariable]: JSON.stringify({ listeners: inherited, isBequeathed: true }),
      },
      // A session of its own: what happens to this process or to its terminal does not concern it.
      detached: true,
    });
    this.#child = child;
    const end = (reason?: string): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      onEnded(reason);
    };
    child.on('error', (error) => end(`it could not be started: ${error.message}`));
    child.on('exit', (code, signal) =>
      end(code === 0 ? undefined : `it ended with ${signal ?? `exit code ${code}`}`),
    );
    const bequest: Bequest = { estate, earlyDeaths };
    child.send(bequest, () => {});
    child.unref();
    child.channel?.unref();
  }

  /** Ends what was started, when it has not taken over yet, and gives the right to somebody else. */
  giveUp(signal: 'SIGTERM' | 'SIGKILL'): void {
    const child = this.#child;
    this.conclude();
    child?.kill(signal);
  }

  /** There is a supervisor again: nothing is left to do. */
  conclude(): void {
    this.#child = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }
}
