import type { Agent, AgentOptions, ClientRequest } from 'node:http';
import type { Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { getCACertificates } from 'node:tls';
import type { CoreProvider } from '#core-config';
import { http, https } from './node-http.ts';
import { createProviderAddresses, type ProviderAddresses } from './provider-addresses.ts';
import { providerTarget } from './provider-target.ts';

/** How long an idle connection is kept when the provider does not say: many servers close after five seconds. */
const idleMsDefault = 4_000;
/** Never longer than this, whatever the provider promises: load balancers in between promise nothing. */
const idleMsMax = 60_000;
/**
 * How long one address of several may take to connect before the next is tried: a handshake around the world and one
 * lost packet. Who waits for an address that swallows everything does so once: what worked goes first.
 */
const addressMsMax = 2_000;
/** Before the promised end, so that a request does not meet a closing connection. */
const idleMarginMs = 1_000;

export interface Upstream {
  readonly provider: CoreProvider;
  /** Host and port as they stand in `Host`. */
  readonly hostHeader: string;
  /** Starts a request. `path` is the validated path and query of the client. Throws when a header is not valid HTTP. */
  request(method: string, path: string, headers: readonly string[]): ClientRequest;
  /** Closes all connections. */
  close(): void;
}

export interface UpstreamOptions {
  readonly connectMs: number;
  readonly headBytesMax: number;
  /** Ports this process serves: a provider that turns out to be ourselves is refused when the connection stands. */
  readonly ownPorts: readonly number[];
}

/** A connection that did not come about for a reason of ours. */
export class ConnectProblem extends Error {
  readonly reason: 'connect-timeout' | 'loop';
  constructor(reason: 'connect-timeout' | 'loop', message: string) {
    super(message);
    this.name = 'ConnectProblem';
    this.reason = reason;
  }
}

/** Connections to one provider: a fixed origin that no request can change, kept alive between requests. */
export function createUpstream(provider: CoreProvider, options: UpstreamOptions): Upstream {
  const url = new URL(provider.origin);
  const isTls = url.protocol === 'https:';
  const addresses = createProviderAddresses();
  const connecting = {
    ...agentOptions,
    lookup: addresses.lookup,
    autoSelectFamilyAttemptTimeout: addressMs(options.connectMs),
  };
  const agent = isTls ? tlsAgent(provider, url, connecting) : new http.Agent(connecting);
  prepareAgent(agent, addresses, options);
  const fixed = {
    agent,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    maxHeaderSize: options.headBytesMax,
    insecureHTTPParser: false,
    setHost: false,
  };
  const send = isTls ? https.request : http.request;
  return {
    provider,
    hostHeader: url.host,
    request(method, path, headers) {
      const request = send({ ...fixed, method, path: providerTarget(provider, path), headers });
      // Every field is passed on; the size of the head is the bound.
      request.maxHeadersCount = 0;
      return request;
    },
    close: () => agent.destroy(),
  };
}

const agentOptions = {
  keepAlive: true,
  maxSockets: Number.POSITIVE_INFINITY,
  maxFreeSockets: 1_024,
  noDelay: true,
  autoSelectFamily: true,
} as const;

/** Several of them have to fit into the time for the connection. */
function addressMs(connectMs: number): number {
  return connectMs === 0 ? addressMsMax : Math.min(addressMsMax, Math.max(10, Math.floor(connectMs / 4)));
}

function tlsAgent(provider: CoreProvider, url: URL, connecting: AgentOptions): TlsAgent {
  const ca = provider.ca === undefined ? {} : { ca: [...getCACertificates('default'), provider.ca] };
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return new https.Agent({ ...connecting, rejectUnauthorized: true, servername: serverName(name), ...ca });
}

/** An IP address is not allowed as a server name (RFC 6066, section 3). */
function serverName(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}

const keepAliveHint = Symbol('keepAliveHint');
type HintedSocket = Socket & { [keepAliveHint]?: number | undefined };

/** Remembers what the provider said about the life of this connection, for when it becomes idle. */
export function noteKeepAlive(socket: Socket, keepAliveMs: number | undefined): void {
  if (keepAliveMs !== undefined) (socket as HintedSocket)[keepAliveHint] = keepAliveMs;
}

/** Gives the agent our rules for new connections and for idle ones. */
function prepareAgent(agent: Agent, addresses: ProviderAddresses, options: UpstreamOptions): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (connectOptions, callback) => {
    const socket = connect(connectOptions, callback) as Socket | null | undefined;
    if (socket) {
      socket.once('connect', () => addresses.worked(socket.remoteAddress));
      watchConnect(socket, agent instanceof https.Agent, options);
    }
    return socket;
  };
  agent.keepSocketAlive = (stream) => {
    const socket = stream as HintedSocket;
    const hint = socket[keepAliveHint];
    const idleMs = hint === undefined ? idleMsDefault : Math.min(hint, idleMsMax) - idleMarginMs;
    // Bytes that belong to no request would be taken for the answer to the next one.
    if (idleMs <= 0 || socket.readableLength > 0) return false;
    socket.setKeepAlive(true, 1_000);
    socket.unref();
    socket.setTimeout(idleMs);
    return true;
  };
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (stream, request) => {
    (stream as Socket).setTimeout(0);
    reuse(stream, request);
  };
}

function watchConnect(socket: Socket, isTls: boolean, { connectMs, ownPorts }: UpstreamOptions): void {
  socket.once('connect', () => {
    if (socket.remoteAddress === socket.localAddress && ownPorts.includes(socket.remotePort ?? 0)) {
      socket.destroy(new ConnectProblem('loop', 'the origin of the provider is this Throughline itself'));
    }
  });
  if (connectMs === 0) return;
  const timer = setTimeout(() => {
    socket.destroy(new ConnectProblem('connect-timeout', `no connection after ${connectMs} ms`));
  }, connectMs);
  socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}
