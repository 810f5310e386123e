import type { IncomingMessage } from 'node:http';

/** How long a client may go on sending a body after its answer, milliseconds. */
const discardMsMax = 10_000;

/**
 * Reads the rest of a request whose answer is already sent and throws it away: closing while bytes still arrive
 * would reset the connection before the client has read its answer. A client that does not come to an end is cut.
 */
export function discardRest(request: IncomingMessage, done: () => void): void {
  if (request.complete || request.socket.destroyed) {
    done();
    return;
  }
  const timer = setTimeout(() => request.socket.destroy(), discardMsMax);
  timer.unref();
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    done();
  };
  request.once('end', finish);
  request.once('close', finish);
  request.resume();
}
