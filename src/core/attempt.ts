import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AttemptEnded, ProblemCode } from '#exchange';
import { ConnectProblem } from './connect-problem.ts';
import type { Upstream } from './upstream.ts';

/** Why a try brought no answer, for the journal and for the client. */
export interface AttemptFailure {
  readonly result: Exclude<AttemptEnded['result'], 'answered'>;
  readonly problem: ProblemCode;
  /** Cause in words, for example `ECONNREFUSED 127.0.0.1:9`. */
  readonly cause: string;
}

export interface AttemptEvents {
  /** The head of the final answer is here (never 1xx); the body follows when somebody reads it. */
  answered(answer: IncomingMessage): void;
  /** At most once, and never after `answered`. */
  failed(failure: AttemptFailure): void;
  /** The connection broke after `answered`. The answer may still claim to have ended properly: it has not. */
  brokeOff(error: Error): void;
}

export interface AttemptRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
}

/**
 * One try at one provider. The caller writes the body to the returned request and destroys it to abandon the
 * try. Throws when the head cannot be expressed in HTTP/1.1.
 */
export function attempt(upstream: Upstream, head: AttemptRequest, events: AttemptEvents): ClientRequest {
  let isDecided = false;
  const request = upstream.request(head.method, head.path, head.headers);
  const fail = (failure: AttemptFailure): void => {
    if (isDecided) return;
    isDecided = true;
    events.failed(failure);
  };
  request.once('response', (answer) => {
    if (isDecided) return;
    isDecided = true;
    events.answered(answer);
  });
  // Node takes a reset for the proper end of a body without length, and tells the truth only here.
  request.on('error', (error) => {
    if (isDecided) events.brokeOff(error);
    else fail(explainFailure(error));
  });
  request.once('upgrade', (_answer, socket) => {
    socket.destroy();
    fail({ result: 'refused', problem: 'upstream-invalid', cause: 'switched protocols without being asked' });
  });
  request.once('close', () =>
    fail({ result: 'refused', problem: 'upstream-closed', cause: 'connection closed before an answer' }),
  );
  return request;
}

/** Sorts what Node reports about a connection that gave no answer. */
export function explainFailure(error: Error): AttemptFailure {
  if (error instanceof ConnectProblem) {
    if (error.reason !== 'connect-timeout')
      return { result: 'refused', problem: 'upstream-unreachable', cause: error.message };
    return { result: 'timed-out', problem: 'upstream-unreachable', cause: error.message };
  }
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  const cause = causeInWords(error, code);
  if (code === 'ECONNREFUSED') return { result: 'refused', problem: 'upstream-unreachable', cause };
  if (code.startsWith('HPE_')) return { result: 'refused', problem: 'upstream-invalid', cause };
  if (isTlsFailure(code)) return { result: 'refused', problem: 'upstream-tls', cause };
  if (brokenOff.has(code)) return { result: 'refused', problem: 'upstream-closed', cause };
  return { result: 'unreachable', problem: 'upstream-unreachable', cause };
}

const brokenOff: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_DESTROYED',
]);

/** Names of OpenSSL's verification results, as Node uses them for `error.code`. */
const certificateCodes =
  /^(?:CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERROR_IN_CERT|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH)/;

function isTlsFailure(code: string): boolean {
  return (
    code === 'EPROTO' ||
    code.startsWith('ERR_SSL_') ||
    code.startsWith('ERR_TLS_') ||
    certificateCodes.test(code)
  );
}

/** Short, without stacks. Connecting to several addresses fails with an AggregateError; its parts say more. */
function causeInWords(error: Error, code: string): string {
  const { address, port } = error as Error & { address?: string; port?: number };
  if (address !== undefined) return `${code} ${address}${port === undefined ? '' : `:${port}`}`;
  if (error instanceof AggregateError) {
    const parts = error.errors.map((part: Error) =>
      causeInWords(part, (part as NodeJS.ErrnoException).code ?? part.name),
    );
    return parts.slice(0, 4).join(', ');
  }
  const words = error.message.split('\n')[0]!.slice(0, 200);
  return words.includes(code) ? words : `${code}: ${words}`;
}
