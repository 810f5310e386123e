import { type ChildProcess, spawn } from 'node:child_process';
import { type FromService, readLines, type StartOrder, type Testament, type ToService } from '#generation';
import { isReport } from './is-report.ts';
import { LastWords } from './last-words.ts';

const lineBytesMax = 64 * 1024;
const lastWordsWithinMs = 100;
/** 3 is the IPC channel. */
const firstFd = 4;

/** How a service goes on without this supervisor: see `Succession`. */
export interface SuccessionPlan {
  readonly stateFile: string;
  readonly lock: string;
  /** The sockets of the whole supervisor, for a service that may start the next one. */
  readonly keeps?: readonly InheritedListener[];
  /** What such a service is told at its start; it is told again when that changes. */
  readonly testament: () => Testament | undefined;
}

interface InheritedListener {
  readonly purpose: string;
  readonly host: string;
  readonly port: number;
  readonly fd: number;
}

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
 * the start order. What it only keeps comes after that: the sockets once more, because its own are closed when it
 * drains, and where this process writes its log. The process gets a group of its own: Ctrl+C reaches the supervisor
 * alone, which then drains the services in the right order.
 */
export function startProgram(
  program: string,
  options: {
    readonly node?: string | undefined;
    readonly nodeOptions: readonly string[];
    readonly order: Omit<StartOrder, 'listeners' | 'succession'>;
    readonly listeners: readonly InheritedListener[];
    readonly succession?: SuccessionPlan;
  },
  events: ProgramEvents,
): RunningProgram {
  const { listeners: own, succession } = options;
  const keeps = succession?.keeps;
  const fds = [...own, ...(keeps ?? [])].map(({ fd }) => fd);
  if (keeps !== undefined) fds.push(1, 2);
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
  watch(child, events);
  const send = (message: ToService) => {
    if (child.connected) child.send(message, () => {});
  };
  const order = { ...options.order, listeners: placed(own, firstFd) };
  send({
    type: 'start',
    order: succession === undefined ? order : { ...order, ...ordered(succession, own) },
  });
  const testament = keeps === undefined ? undefined : succession?.testament();
  if (testament !== undefined) send({ type: 'testament', testament });
  return {
    pid: child.pid,
    send,
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** The listeners with the descriptors that they have in the new process. */
function placed(listeners: readonly InheritedListener[], from: number): InheritedListener[] {
  return listeners.map(({ purpose, host, port }, index) => ({ purpose, host, port, fd: from + index }));
}

function ordered(
  { stateFile, lock, keeps }: SuccessionPlan,
  own: readonly InheritedListener[],
): Pick<StartOrder, 'succession'> {
  if (keeps === undefined) return { succession: { stateFile, lock } };
  const listeners = placed(keeps, firstFd + own.length);
  const output = firstFd + own.length + keeps.length;
  return { succession: { stateFile, lock, kept: { listeners, output, errors: output + 1 } } };
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
