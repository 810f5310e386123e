import type { CoreProvider } from '#core-config';
import type { HeaderList } from '#exchange';
import { pipedField } from '#guard';

/** Fields between two neighbours only (RFC 9110, section 7.6.1, and the older proxy fields). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

export interface RequestHeaders {
  /** To the provider: end-to-end fields in their order and case, its own `Host`, framing as the client chose. */
  readonly headers: string[];
  /** Undefined when the client named no length. */
  readonly contentLength: number | undefined;
  readonly isChunked: boolean;
  /** The client asks for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

export interface UpstreamFraming {
  /** Host and port as they stand in `Host`. */
  readonly hostHeader: string;
  readonly provider: Pick<
    CoreProvider,
    'format' | 'auth' | 'apiKey' | 'keyHeader' | 'anthropicVersion' | 'headers'
  >;
}

/** What the client's own provider receives. Only hop-by-hop fields, `Host` and our own `x-throughline-*` differ. */
export function requestHeadersFor(
  raw: HeaderList,
  method: string,
  { hostHeader, provider }: UpstreamFraming,
): RequestHeaders {
  const headers: string[] = [];
  const named = fieldsNamedInConnection(raw);
  let contentLength: number | undefined;
  let isChunked = false;
  let expectsContinue = false;
  let hasHost = false;
  let hasVersion = false;
  let hasTrailer = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'host') {
      if (!hasHost) headers.push(name, hostHeader);
      hasHost = true;
    } else if (lower === 'transfer-encoding') {
      isChunked = true;
      headers.push(name, value);
    } else if (lower === 'expect') {
      expectsContinue = true;
    } else if (hopByHop.has(lower) || named?.has(lower)) {
      // Between the client and us only.
    } else if (lower.startsWith('x-throughline-')) {
      // Ours: tokens and tags of this proxy are none of the provider's business.
    } else {
      if (lower === 'content-length') contentLength = Number(value);
      if (lower === 'anthropic-version') hasVersion = true;
      if (lower === 'trailer') hasTrailer = true;
      headers.push(name, value);
    }
  }
  if (!hasHost) headers.unshift('Host', hostHeader);
  if (provider.anthropicVersion !== undefined && !hasVersion) {
    headers.push('anthropic-version', provider.anthropicVersion);
  }
  // Node would frame a bodiless POST as chunked; a length of zero says the same and is what clients send.
  if (contentLength === undefined && !isChunked && !bodilessMethods.has(method))
    headers.push('Content-Length', '0');
  const list = hasTrailer && !isChunked ? withoutTrailerField(headers) : headers;
  return { headers: list, contentLength, isChunked, expectsContinue };
}

/** What a client may prove itself with. */
const clientCredentials: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
]);

/** `Trailer` announces what only a chunked message can have; Node refuses to send it with any other. */
export function withoutTrailerField(headers: readonly string[]): string[] {
  return headers.filter((_, i) => headers[i - (i % 2)]!.toLowerCase() !== 'trailer');
}

/** Fields of a trailer that are passed on: none that would frame, route or authenticate (RFC 9110, section 6.5.1). */
export function trailersFor(raw: HeaderList): [string, string][] {
  const trailers: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const lower = raw[i]!.toLowerCase();
    if (hopByHop.has(lower) || clientCredentials.has(lower) || neverInTrailers.has(lower)) continue;
    if (!lower.startsWith('x-throughline-')) trailers.push([raw[i]!, raw[i + 1]!]);
  }
  return trailers;
}

const neverInTrailers: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'trailer']);

const bodilessMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/** Answered by the front, announcing trailers, which are not piped, or said by the front alone. */
const notPiped: ReadonlySet<string> = new Set(['expect', 'trailer', pipedField]);

/** What proxy-data receives of a request to the front: everything end-to-end, `Host` included. */
export function pipedHeadersFor(raw: HeaderList): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const lower = raw[i]!.toLowerCase();
    const isFraming = lower === 'transfer-encoding';
    if (isFraming || (!hopByHop.has(lower) && !notPiped.has(lower))) headers.push(raw[i]!, raw[i + 1]!);
  }
  headers.push('Connection', 'close');
  return headers;
}

export interface ResponseHeaders {
  /** To the client: end-to-end fields in their order and case. */
  readonly headers: string[];
  readonly contentLength: number | undefined;
  /** How long the provider keeps an idle connection, milliseconds; undefined when it does not say. */
  readonly keepAliveMs: number | undefined;
  /** A transfer coding other than plain `chunked`, which cannot be passed on unchanged. */
  readonly strangeCoding: string | undefined;
}

/** What the client receives of the provider's header. */
export function responseHeadersFor(raw: HeaderList): ResponseHeaders {
  const headers: string[] = [];
  const named = fieldsNamedInConnection(raw);
  let contentLength: number | undefined;
  let keepAliveMs: number | undefined;
  let strangeCoding: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'transfer-encoding' && value.trim().toLowerCase() !== 'chunked') strangeCoding = value;
    if (lower === 'keep-alive') keepAliveMs = keepAliveTimeout(value);
    if (hopByHop.has(lower) || named?.has(lower)) continue;
    if (lower === 'content-length') contentLength = Number(value);
    headers.push(name, value);
  }
  return { headers, contentLength, keepAliveMs, strangeCoding };
}

function keepAliveTimeout(value: string): number | undefined {
  const seconds = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Lower-case names that `Connection` declares hop-by-hop; undefined in the usual case that there are none. */
function fieldsNamedInConnection(raw: HeaderList): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]!.length !== 10 || raw[i]!.toLowerCase() !== 'connection') continue;
    for (const token of raw[i + 1]!.toLowerCase().split(',')) {
      const name = token.trim();
      if (name === '' || name === 'close' || name === 'keep-alive' || isProtected(name)) continue;
      named ??= new Set();
      named.add(name);
    }
  }
  return named;
}

/** Nobody may make us drop these by calling them hop-by-hop. */
function isProtected(name: string): boolean {
  if (name === 'host' || name === 'authorization' || name === 'x-api-key') return true;
  return name.startsWith('anthropic-') || name.startsWith('content-');
}
