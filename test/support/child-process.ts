import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { waitFor } from './wait-for.ts';

export const projectDirectory = fileURLToPath(new URL('../..', import.meta.url));

/** A program that a test started. Only its own pid is ever signalled. */
export interface OwnProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything it wrote so far. */
  stdout(): string;
  stderr(): string;
  readonly exited: Promise<ProcessExit>;
  exit(): ProcessExit | undefined;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another Node than the one that runs the test. */
  readonly node?: string;
  readonly nodeArguments?: readonly string[];
  /** Program and arguments that run what follows them in their own place, such as `nsenter --target 1 --net`. */
  readonly launcher?: readonly string[];
  /** Descriptors of ours that the child has from 3 on; not together with `ipc`. */
  readonly descriptors?: readonly number[];
  /** `ipc` gives the child a message channel; otherwise this text is its standard input. */
  readonly input: 'ipc' | string;
  /** It ends others when it is asked to, and they would go on without it: it is never left behind with a SIGKILL. */
  readonly isSupervisor?: boolean;
}

const running = new Map<ChildProcess, NodeJS.Signals>();
process.once('exit', () => {
  for (const [child, signal] of running) child.kill(signal);
});

/** Starts `node <program> ...args` of this project with nothing inherited but what `env` says. */
export function startNode(program: string, args: readonly string[], options: SpawnOptions): OwnProcess {
  return startProgram(
    options.node ?? process.execPath,
    [...(options.nodeArguments ?? []), program, ...args],
    options,
  );
}

/** Starts any program the same way. A file that cannot be started exits with code and signal null. */
export function startProgram(
  file: string,
  args: readonly string[],
  options: Omit<SpawnOptions, 'node' | 'nodeArguments'>,
): OwnProcess {
  const isIpc = options.input === 'ipc';
  const [program = file, ...words] = [...(options.launcher ?? []), file, ...args];
  const child = spawn(program, words, {
    cwd: options.cwd ?? projectDirectory,
    env: { ...options.env },
    stdio: ['pipe', 'pipe', 'pipe', ...(isIpc ? ['ipc' as const] : (options.descriptors ?? []))],
  });
  running.set(child, options.isSupervisor === true ? 'SIGTERM' : 'SIGKILL');
  // A child that never started has no stdin to write to; its exit tells the story.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(isIpc ? '' : options.input);
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  let exit: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
      exit = { code, signal };
      running.delete(child);
      resolve(exit);
    };
    child.once('exit', settle);
    child.once('error', () => settle(null, null));
  });
  return { child, pid: child.pid ?? -1, stdout, stderr, exited, exit: () => exit };
}

/** Asks politely with a signal, then kills. Resolves when the process is gone. */
export async function endProcess(process_: OwnProcess, graceMs = 10_000): Promise<ProcessExit> {
  if (process_.exit() === undefined) process_.child.kill('SIGTERM');
  const gone = await waitFor(() => process_.exit(), { timeoutMs: graceMs, what: 'the process to end' }).catch(
    () => undefined,
  );
  if (gone !== undefined) return gone;
  process_.child.kill('SIGKILL');
  return process_.exited;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (piece: string) => {
    // The last megabyte is enough to explain a failure.
    text = (text + piece).slice(-1_000_000);
  });
  return () => text;
}
