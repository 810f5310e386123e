import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ProviderProxy } from '#core-config';
import { ConnectProblem } from './connect-problem.ts';
import { http } from './node-http.ts';
import { hostOf, portOf } from './origin-parts.ts';

export interface TunnelOptions {
  readonly proxy: ProviderProxy;
  /** `host:port` of the provider. */
  readonly authority: string;
  readonly lookup: LookupFunction;
  readonly addressMs: number;
  readonly headBytesMax: number;
  /** The connection to the proxy stands. */
  connected(socket: Socket): void;
}

/** What a proxy says when it refuses, for a person who has to do something about it. */
const refusals: ReadonlyMap<number, string> = new Map([
  [403, 'it forbids connections to this provider'],
  [407, 'it wants a user name and password, or others than these'],
  [502, 'it cannot reach the provider'],
  [503, 'it cannot reach the provider'],
  [504, 'it got no answer from the provider'],
]);

/**
 * Asks an HTTP proxy for a connection to the provider (CONNECT), through which the caller speaks TLS: the proxy sees host
 * and port and nothing else.
 * @param done is called once; after a failure with a `ConnectProblem`
 * @returns abandons it
 */
export function openTunnel(
  { proxy, authority, lookup, addressMs, headBytesMax, connected }: TunnelOptions,
  done: (error: Error | undefined, socket?: Duplex) => void,
): () => void {
  const url = new URL(proxy.origin);
  const fail = (why: string): void => {
    done(new ConnectProblem('proxy', `the proxy ${proxy.origin}: ${why}`));
  };
  const { authorization } = proxy;
  const request = http.request({
    method: 'CONNECT',
    host: hostOf(url),
    port: portOf(url),
    path: authority,
    headers: [
      'Host',
      authority,
      ...(authorization === undefined ? [] : ['Proxy-Authorization', authorization]),
    ],
    setHost: false,
    agent: new http.Agent({ lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: addressMs }),
    maxHeaderSize: headBytesMax,
  });
  request.once('socket', (socket) => socket.once('connect', () => connected(socket)));
  request.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  // An answer that does not open a tunnel.
  request.once('response', (answer) => {
    request.destroy();
    fail(`it answered ${answer.statusCode} instead of opening a tunnel`);
  });
  request.once('connect', (answer, socket, early) => {
    const status = answer.statusCode ?? 0;
    // Bytes before TLS has begun come from the proxy, not from the provider.
    if (status >= 200 && status < 300 && early.length === 0) {
      done(undefined, socket);
      return;
    }
    socket.destroy();
    fail(status >= 200 && status < 300 ? 'it spoke before the provider could' : refusalOf(status));
  });
  request.end();
  return () => request.destroy();
}

function refusalOf(status: number): string {
  return `${refusals.get(status) ?? 'it refuses'} (status ${status})`;
}
