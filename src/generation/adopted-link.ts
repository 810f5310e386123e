import { connect, type Socket } from 'node:net';
import { readLines } from './lines.ts';
import type { FromService, OrphanClaim } from './messages.ts';

const answerWithinMs = 5_000;
/** A testament carries certificates and lists of names. */
const lineBytesMax = 8 * 1024 * 1024;
/** Reports that a supervisor does not read are left out: the next one says it anew. */
const unreadBytesMax = 64 * 1024;

/** What replaces the IPC channel when a service has another supervisor than the one that started it. */
export interface AdoptedLink {
  /** Never throws; a supervisor that is gone hears nothing. */
  send(message: FromService): void;
  /** Resolves when the supervisor is gone. */
  readonly closed: Promise<void>;
}

/**
 * Asks the supervisor behind a control socket to adopt this process. Rejects when it does not answer, or says no.
 * The link keeps no process alive.
 * @param hear takes every message of the supervisor
 */
export function joinSupervisor(
  controlSocket: string,
  claim: OrphanClaim,
  hear: (message: unknown) => void,
): Promise<AdoptedLink> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocket, () => write(socket, claim));
    socket.unref();
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), answerWithinMs).unref();
    const closed = new Promise<void>((settle) => socket.once('close', () => settle()));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the supervisor closed the connection'));
    });
    const send = (message: FromService): void => {
      if (socket.writable && socket.writableLength < unreadBytesMax) write(socket, message);
    };
    let isAdopted = false;
    readLines(socket, lineBytesMax, (line) => {
      const message = parse(line);
      if (isAdopted) {
        hear(message);
        return;
      }
      isAdopted = (message as { type?: unknown } | undefined)?.type === 'adopted';
      clearTimeout(timer);
      if (isAdopted) resolve({ send, closed });
      else socket.destroy(new Error('the supervisor said no'));
    });
  });
}

function write(socket: Socket, message: FromService | OrphanClaim): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
