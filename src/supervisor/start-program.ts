import { type ChildProcess, spawn } from 'node:child_process';
import type { FromService, StartOrder, ToService } from '#generation';
import { LastWords } from './last-words.ts';
import { readLines } from './lines.ts';

const lineBytesMax = 64 * 1024;
const lastWordsWithinMs = 100;

export interface ProgramEvents {
  report(message: FromService): void;
  line(text: string): void;
  /** Once, after everything else. */
  exited(cause: string): void;
}

/** One running process of a service. */
export interface RunningProgram {
  readonly pid: number | undefined;
  /** Never throws; a process that is gone hears nothing. */
  send(message: ToService): void;
  kill(): void;
}

/**
 * Starts a program with its Node, gives it the descriptors from fd 4 on (3 is the IPC channel; below are the
 * standard streams, which libuv would switch to blocking for every process that shares the socket) and sends
 * the start order. The process gets a group of its own: Ctrl+C reaches the supervisor alone, which then drains
 * the services in the right order.
 */
export function startProgram(
  program: string,
  options: {
    readonly node?: string | undefined;
    readonly nodeOptions: readonly string[];
    readonly order: Omit<StartOrder, 'listeners'>;
    readonly listeners: readonly { purpose: string; host: string; port: number; fd: number }[];
  },
  events: ProgramEvents,
): RunningProgram {
  const fds = options.listeners.map((listener) => listener.fd);
  let child: ChildProcess;
  try {
    child = spawn(options.node ?? process.execPath, [...options.nodeOptions, program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...fds],
      detached: true,
    });
  } catch (error) {
    // Out of memory or descriptors: it counts as a death, and the next try may work.
    setImmediate(() => events.exited(`could not be started: ${(error as Error).message}`));
    return { pid: undefined, send: () => {}, kill: () => {} };
  }
  const listeners = options.listeners.map(({ purpose, host, port }, index) => ({
    purpose,
    host,
    port,
    fd: 4 + index,
  }));
  watch(child, events);
  const send = (message: ToService) => {
    if (child.connected) child.send(message, () => {});
  };
  send({ type: 'start', order: { ...options.order, listeners } });
  return {
    pid: child.pid,
    send,
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

function watch(child: ChildProcess, events: ProgramEvents): void {
  let isOver = false;
  const finish = (cause: string) => {
    if (isOver) return;
    isOver = true;
    events.exited(cause);
  };
  const words = new LastWords();
  if (child.stdout !== null) readLines(child.stdout, lineBytesMax, events.line);
  if (child.stderr !== null)
    readLines(child.stderr, lineBytesMax, (line) => {
      words.hear(line);
      events.line(line);
    });
  child.on('message', (message) => {
    if (isReport(message)) events.report(message);
  });
  child.on('error', (error) => {
    // Without a pid it never started, and no exit will follow.
    if (child.pid === undefined) finish(`could not be started: ${error.message}`);
  });
  child.on('exit', (code, signal) => {
    const tell = () => finish(words.with(signal === null ? `exit code ${code}` : `signal ${signal}`));
    // What it said last may still be in the pipe; somebody else who holds the pipe is not waited for.
    child.once('close', tell);
    setTimeout(tell, lastWordsWithinMs);
  });
}

function isReport(message: unknown): message is FromService {
  if (typeof message !== 'object' || message === null) return false;
  const { type, addresses, sentence, openExchanges, cause } = message as Record<string, unknown>;
  if (type === 'ready') return Array.isArray(addresses);
  if (type === 'tainted') return typeof cause === 'string';
  if (type === 'pong') return true;
  if (type === 'failed') return typeof sentence === 'string';
  return type === 'draining' && typeof openExchanges === 'number';
}
