import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program of this directory in a process of its own, so that its work does not count as somebody else's. */
export interface Worker {
  readonly pid: number;
  /** Sends a job and waits for its result. One job at a time. */
  run<Result>(job: unknown): Promise<Result>;
  stop(): Promise<void>;
}

export async function startWorker(program: string): Promise<Worker> {
  const child: ChildProcess = fork(fileURLToPath(new URL(program, import.meta.url)), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  await once(child, 'message');
  return {
    pid: child.pid ?? -1,
    run: <Result>(job: unknown): Promise<Result> =>
      new Promise((resolve, reject) => {
        const onExit = (): void => reject(new Error(`${program} ended in the middle of a job`));
        child.once('exit', onExit);
        child.once('message', (message) => {
          child.off('exit', onExit);
          resolve(message as Result);
        });
        child.send(job as object);
      }),
    stop: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The other side: answers each job with what `work` gives. Call once in a worker program. */
export function serveJobs<Job>(work: (job: Job) => Promise<unknown>): void {
  process.on('message', (job) => {
    work(job as Job).then(
      (result) => process.send?.(result ?? {}),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once('disconnect', () => process.exit());
  process.send?.({ started: true });
}
