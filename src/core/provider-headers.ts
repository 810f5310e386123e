import type { CoreProvider } from '#core-config';
import type { HeaderList } from '#exchange';
import { requestHeadersFor, type UpstreamFraming } from './headers.ts';

/**
 * What of a client's header may reach a provider that is not its own: what says how to read the body and the answer.
 * Everything else may say who the user is, or prove it.
 */
const listed: ReadonlySet<string> = new Set([
  'host',
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'idempotency-key',
  'user-agent',
]);

/** Further ones by format of the provider. */
const listedFor: Readonly<Record<CoreProvider['format'], ReadonlySet<string>>> = {
  anthropic: new Set(['anthropic-version', 'anthropic-beta']),
  openai: new Set(['openai-beta']),
};

/** Values of `anthropic-beta` that belong to the client's own way of proving itself. */
const credentialBeta = /^oauth-/;

/**
 * The header for a provider, in its own format: everything for the one that the client's credential is meant for,
 * listed fields and the configured key for all others.
 * @param bodyBytes length of a body that is not the client's own
 */
export function providerHeadersFor(
  raw: HeaderList,
  method: string,
  framing: UpstreamFraming,
  bodyBytes?: number,
): string[] {
  const { provider } = framing;
  const isOwn = authOf(provider) === 'client';
  const passing = isOwn && bodyBytes === undefined ? raw : passed(raw, provider, { isOwn, bodyBytes });
  const headers = requestHeadersFor(passing, method, framing).headers;
  if (authOf(provider) === 'key') headers.push(...credential(provider));
  return withOwnHeaders(headers, provider);
}

/**
 * The header of a translated request. Only the name of the client's program is left of its own; and where a provider of
 * Anthropic's format gets the client's credential, the key that a client of OpenAI has for it, under Anthropic's name.
 */
export function translatedHeadersFor(
  raw: HeaderList,
  { hostHeader, provider }: UpstreamFraming,
  { bodyBytes, isStreaming }: { readonly bodyBytes: number; readonly isStreaming: boolean },
): string[] {
  const agent = raw.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'user-agent');
  const headers = [
    ...['Host', hostHeader, 'Content-Type', 'application/json', 'Content-Length', String(bodyBytes)],
    ...['Accept', isStreaming ? 'text/event-stream' : 'application/json', 'Accept-Encoding', 'identity'],
    ...(agent < 0 ? [] : ['User-Agent', raw[agent + 1]!]),
    ...(provider.format === 'anthropic'
      ? ['anthropic-version', provider.anthropicVersion ?? '2023-06-01']
      : []),
    ...(authOf(provider) === 'key' ? credential(provider) : clientKey(raw, provider)),
  ];
  return withOwnHeaders(headers, provider);
}

/** The fields that the configuration gives this provider, each in the place of all others of its name. */
function withOwnHeaders(headers: string[], { headers: own = [] }: UpstreamFraming['provider']): string[] {
  if (own.length === 0) return headers;
  const names = new Set(own.map(([name]) => name.toLowerCase()));
  const kept = headers.filter((_, i) => !names.has(headers[i - (i % 2)]!.toLowerCase()));
  return [...kept, ...own.flat()];
}

function clientKey(raw: HeaderList, provider: UpstreamFraming['provider']): string[] {
  if (authOf(provider) !== 'client' || provider.format !== 'anthropic') return [];
  const at = raw.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization');
  const key = at < 0 ? undefined : /^Bearer +(\S+)$/i.exec(raw[at + 1]!)?.[1];
  return key === undefined ? [] : ['x-api-key', key];
}

/**
 * Path and query for a provider. A parameter that would be masked in the record is a credential of the client, and goes
 * only to whom it is meant for.
 */
export function targetFor(
  path: string,
  provider: UpstreamFraming['provider'],
  masked: (target: string) => string,
): string {
  const mark = path.indexOf('?');
  if (mark < 0 || authOf(provider) === 'client') return path;
  const parameters = path
    .slice(mark + 1)
    .split('&')
    .filter((one) => masked(`/?${one}`) === `/?${one}`);
  return parameters.length === 0 ? path.slice(0, mark) : `${path.slice(0, mark)}?${parameters.join('&')}`;
}

/** Whose credential a provider gets. */
export function authOf({ auth, apiKey }: UpstreamFraming['provider']): NonNullable<CoreProvider['auth']> {
  return auth ?? (apiKey === undefined ? 'client' : 'key');
}

function passed(
  raw: HeaderList,
  { format }: UpstreamFraming['provider'],
  { isOwn, bodyBytes }: { readonly isOwn: boolean; readonly bodyBytes: number | undefined },
): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const lower = name.toLowerCase();
    if (bodyBytes !== undefined && framingFields.has(lower)) continue;
    if (isOwn) headers.push(name, raw[i + 1]!);
    else if (listed.has(lower) || listedFor[format].has(lower)) {
      const value = lower === 'anthropic-beta' ? withoutCredentialBetas(raw[i + 1]!) : raw[i + 1]!;
      if (value !== '') headers.push(name, value);
    }
  }
  if (bodyBytes !== undefined) headers.push('Content-Length', String(bodyBytes));
  return headers;
}

const framingFields: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'trailer']);

function withoutCredentialBetas(value: string): string {
  const betas = value.split(',').map((beta) => beta.trim());
  return betas.filter((beta) => !credentialBeta.test(beta)).join(',');
}

function credential({ format, apiKey, keyHeader }: UpstreamFraming['provider']): string[] {
  if (apiKey === undefined) return [];
  const name = keyHeader ?? (format === 'openai' ? 'authorization' : 'x-api-key');
  return [name, name === 'authorization' ? `Bearer ${apiKey}` : apiKey];
}
