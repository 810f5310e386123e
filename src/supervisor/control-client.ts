import { connect, type Socket } from 'node:net';
import { readLines } from '#generation';
import type { Receipt, ReplaceRequest } from './replace-services.ts';
import type { RunState } from './run-state.ts';

const answerWithinMs = 5_000;
/** Three services, each of which may take 30 s to be ready and a little to be told of. */
const replacedWithinMs = 120_000;
const answerBytesMax = 256 * 1024;

/** Asks a supervisor how it is. Rejects when it does not answer. */
export async function askStatus(controlSocket: string): Promise<RunState> {
  const { answer, socket } = await ask(controlSocket, { command: 'status' });
  socket.destroy();
  return answer as RunState;
}

/**
 * Tells a supervisor to stop and resolves when it has closed its control socket, which is the last thing it
 * does. Rejects when it does not answer.
 * @param options.now cut open exchanges instead of waiting for them
 */
export async function askStop(controlSocket: string, options: { readonly now: boolean }): Promise<void> {
  const { socket } = await ask(controlSocket, { command: 'stop', now: options.now });
  if (socket.closed) return;
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Tells a supervisor to stop and resolves when it has begun to. Rejects when it does not answer. */
export async function tellStop(controlSocket: string, options: { readonly now: boolean }): Promise<void> {
  const { socket } = await ask(controlSocket, { command: 'stop', now: options.now });
  socket.destroy();
}

/**
 * Replaces services and tells what came of each. Rejects with a sentence when nothing was begun: the supervisor is
 * busy, the listeners would change, or it does not answer.
 */
export async function askReplace(controlSocket: string, request: ReplaceRequest): Promise<Receipt> {
  const { answer, socket } = await ask(controlSocket, { command: 'replace', ...request }, replacedWithinMs);
  socket.destroy();
  const { error } = answer as { error?: string };
  if (error !== undefined) throw new Error(error);
  return answer as Receipt;
}

/**
 * Has another supervisor take over, with fresh generations of everything. Resolves with its pid; rejects with a
 * sentence when nothing has changed.
 * @param successor the command line program of the release to go on with, and the Node that runs it (absent = the
 *   one that runs the old supervisor)
 */
export async function askReplaceSupervisor(
  controlSocket: string,
  successor: { readonly program: string; readonly node?: string },
): Promise<{ readonly v: 1; readonly pid: number; readonly tookMs: number }> {
  const request = { command: 'replace-supervisor', ...successor };
  const { answer, socket } = await ask(controlSocket, request, replacedWithinMs);
  socket.destroy();
  const { error, pid, tookMs } = answer as { error?: string; pid: number; tookMs: number };
  if (error !== undefined) throw new Error(error);
  return { v: 1, pid, tookMs };
}

function ask(
  controlSocket: string,
  request: unknown,
  withinMs = answerWithinMs,
): Promise<{ answer: unknown; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocket);
    const timer = setTimeout(() => socket.destroy(new Error('the supervisor does not answer')), withinMs);
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the supervisor closed the connection without an answer'));
    });
    readLines(socket, answerBytesMax, (line) => {
      clearTimeout(timer);
      try {
        resolve({ answer: JSON.parse(line), socket });
      } catch (error) {
        reject(error as Error);
      }
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}
