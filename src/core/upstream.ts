import type { Agent, AgentOptions, ClientRequest } from 'node:http';
import type { Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getCACertificates } from 'node:tls';
import type { CoreProvider, CoreTimeouts, ProviderProxy } from '#core-config';
import { ConnectProblem } from './connect-problem.ts';
import { http, https } from './node-http.ts';
import { hostOf, portOf } from './origin-parts.ts';
import { createProviderAddresses, type ProviderAddresses } from './provider-addresses.ts';
import { providerTarget } from './provider-target.ts';
import { openTunnel } from './proxy-tunnel.ts';

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
  /** How long this provider may be silent, milliseconds; 0 = any time. */
  readonly silence: { readonly firstByteMs: number; readonly idleMs: number };
  /** Starts a request. `path` is the validated path and query of the client. Throws when a header is not valid HTTP. */
  request(method: string, path: string, headers: readonly string[]): ClientRequest;
  /** Closes all connections. */
  close(): void;
}

export interface UpstreamOptions {
  /** For what the provider does not say itself. */
  readonly timeouts: Pick<CoreTimeouts, 'upstreamConnectMs' | 'upstreamFirstByteMs' | 'upstreamIdleMs'>;
  readonly headBytesMax: number;
  /** Ports this process serves: a provider that turns out to be ourselves is refused when the connection stands. */
  readonly ownPorts: readonly number[];
}

/** Connections to one provider: a fixed origin that no request can change, kept alive between requests. */
export function createUpstream(provider: CoreProvider, options: UpstreamOptions): Upstream {
  const url = new URL(provider.origin);
  const isTls = url.protocol === 'https:';
  const { timeouts, proxy } = provider;
  const connectMs = timeouts?.connectMs ?? options.timeouts.upstreamConnectMs;
  const addresses = createProviderAddresses();
  const connecting = {
    ...agentOptions,
    lookup: addresses.lookup,
    autoSelectFamilyAttemptTimeout: addressMs(connectMs),
  };
  const agent = isTls ? tlsAgent(provider, url, connecting) : new http.Agent(connecting);
  prepareAgent(agent, { addresses, connectMs, ownPorts: options.ownPorts });
  // With TLS a proxy passes on what it cannot read; without, it is asked for the whole address, as proxies know it.
  const plainProxy = isTls ? undefined : proxy;
  if (isTls && proxy !== undefined) {
    const { headBytesMax } = options;
    tunnelThrough(agent, { proxy, url, addresses, connectMs, headBytesMax });
  }
  const target = plainProxy === undefined ? url : new URL(plainProxy.origin);
  const proxyHeaders =
    plainProxy?.authorization === undefined ? [] : ['Proxy-Authorization', plainProxy.authorization];
  const before = plainProxy === undefined ? '' : provider.origin;
  const fixed = {
    agent,
    host: hostOf(target),
    port: portOf(target),
    maxHeaderSize: options.headBytesMax,
    insecureHTTPParser: false,
    setHost: false,
  };
  const send = isTls ? https.request : http.request;
  return {
    provider,
    hostHeader: url.host,
    silence: {
      firstByteMs: timeouts?.firstByteMs ?? options.timeouts.upstreamFirstByteMs,
      idleMs: timeouts?.idleMs ?? options.timeouts.upstreamIdleMs,
    },
    request(method, path, headers) {
      const request = send({
        ...fixed,
        method,
        path: before + providerTarget(provider, path),
        headers: proxyHeaders.length === 0 ? headers : [...headers, ...proxyHeaders],
      });
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
  return new https.Agent({
    ...connecting,
    rejectUnauthorized: true,
    servername: serverName(hostOf(url)),
    ...ca,
  });
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

interface Connecting {
  readonly addresses: ProviderAddresses;
  readonly connectMs: number;
  readonly ownPorts: readonly number[];
}

/** Gives the agent our rules for new connections and for idle ones. */
function prepareAgent(agent: Agent, options: Connecting): void {
  const { addresses } = options;
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

interface TunnelRules {
  readonly proxy: ProviderProxy;
  /** Origin of the provider. */
  readonly url: URL;
  readonly addresses: ProviderAddresses;
  /** For the way to the proxy, its answer and TLS together. */
  readonly connectMs: number;
  readonly headBytesMax: number;
}

/** New connections of the agent go through a proxy, and speak TLS with the provider in there. */
function tunnelThrough(agent: Agent, { proxy, url, addresses, connectMs, headBytesMax }: TunnelRules): void {
  const secure = agent.createConnection.bind(agent);
  agent.createConnection = (connectOptions, callback) => {
    const late = new ConnectProblem(
      'connect-timeout',
      `no connection through the proxy after ${connectMs} ms`,
    );
    let isDone = false;
    let current: Duplex | undefined;
    const done = (error: Error | null, socket?: Duplex): void => {
      if (isDone) return;
      isDone = true;
      // The second parameter is looked at only without an error.
      callback?.(error, socket as Duplex);
    };
    const timer = connectMs === 0 ? undefined : setTimeout(() => giveUp(), connectMs);
    const abandon = openTunnel(
      {
        proxy,
        authority: `${url.hostname}:${portOf(url)}`,
        lookup: addresses.lookup,
        addressMs: addressMs(connectMs),
        headBytesMax,
        connected: (socket) => addresses.worked(socket.remoteAddress),
      },
      (error, tunnel) => {
        if (error !== undefined || tunnel === undefined) {
          clearTimeout(timer);
          done(error ?? new ConnectProblem('proxy', 'the proxy opened no tunnel'));
        } else if (isDone) tunnel.destroy();
        else {
          const options = { ...connectOptions, socket: tunnel };
          current = secure(options as typeof connectOptions) ?? undefined;
          current?.once('secureConnect', () => clearTimeout(timer));
          current?.once('close', () => clearTimeout(timer));
          done(null, current);
        }
      },
    );
    const giveUp = (): void => {
      abandon();
      current?.destroy(late);
      done(late);
    };
    return undefined;
  };
}

function watchConnect(socket: Socket, isTls: boolean, { connectMs, ownPorts }: Connecting): void {
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
