import type { RuleProblem } from './config-problem.ts';
import type { ReadConfig } from './config-schema.ts';
import { nearestName } from './nearest-name.ts';
import { isLoopback } from './network-readers.ts';
import { readProviderAddress } from './provider-address.ts';
import { wrongHeaderName } from './provider-readers.ts';
import type { ReadProvider } from './provider-schema.ts';

/** Checks one provider: what it needs, where it points and what it falls back to. Pure. */
export function* checkProvider(
  name: string,
  provider: ReadProvider,
  config: ReadConfig,
): Generator<RuleProblem> {
  const at = (key: string, sentence: string, fix?: string): RuleProblem => ({
    code: 'E1006',
    path: ['providers', name, key],
    sentence: `provider '${name}' ${sentence}`,
    ...(fix === undefined ? {} : { fix }),
  });
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) || name === 'constructor') {
    yield {
      code: 'E1006',
      path: ['providers', name],
      sentence: 'a provider name has letters, digits, dots, dashes only',
    };
  }
  const choices = "(must be 'anthropic' or 'openai')";
  if (provider.format === undefined) yield at('format', `is missing required 'format' field ${choices}`);
  else if (!isFormat(provider.format))
    yield at('format', `has invalid format '${provider.format}' ${choices}`);
  if (provider.base_url === undefined) yield at('base_url', "is missing required 'base_url' field");
  else yield* checkAddress(provider.base_url, provider, config, at);
  yield* checkKeys(provider, at);
  yield* checkHeaders(provider, at);
  yield* checkProxy(provider, at);
  yield* checkFallback(name, provider, config, at);
}

type At = (key: string, sentence: string, fix?: string) => RuleProblem;

function* checkAddress(
  url: string,
  provider: ReadProvider,
  config: ReadConfig,
  at: At,
): Generator<RuleProblem> {
  const reading = readProviderAddress(url, { allowHttp: provider.allow_http });
  if ('wrong' in reading) {
    yield at('base_url', `has a base_url that ${reading.wrong}`, reading.fix);
    return;
  }
  const { hostname, port, protocol } = new URL(reading.value.origin);
  const ports = [config.server.port, config.server.core_port, config.server.data_port];
  const isOurs = isLoopback(hostname) && ports.includes(Number(port || (protocol === 'https:' ? 443 : 80)));
  if (isOurs) {
    yield at(
      'base_url',
      'has a base_url that is our own address: every request would come back',
      'Name the provider itself.',
    );
  }
}

function* checkKeys(provider: ReadProvider, at: At): Generator<RuleProblem> {
  const { api_key: key, api_key_file: file, api_keys: keys, api_key_origin: origin } = provider;
  const given = [key, file, keys].filter((each) => each !== undefined).length;
  if (provider.auth === 'key' && given === 0) {
    yield at(
      'auth',
      'is to get a key, and has none',
      'Set api_key, api_key_file or api_keys, or write auth: client or none.',
    );
  }
  if (given > 1) {
    const setting = keys === undefined ? 'api_key_file' : 'api_keys';
    yield at(setting, 'has its key in two places', 'Keep one of api_key, api_key_file and api_keys.');
  }
  const isOrigin = origin === undefined || (/^https?:/.test(origin) && URL.canParse(origin));
  if (!isOrigin || (origin !== undefined && new URL(origin).pathname !== '/')) {
    yield at('api_key_origin', 'has an api_key_origin that is no origin', 'Write "https://host[:port]".');
  }
}

function* checkHeaders(provider: ReadProvider, at: At): Generator<RuleProblem> {
  const names = new Set<string>();
  for (const name of Object.keys(provider.headers)) {
    const shown = name.replace(/[^!-~]/g, '?').slice(0, 60);
    const problem = (sentence: string): RuleProblem => {
      const made = at('headers', `has a header "${shown}" that ${sentence}`);
      return { ...made, path: [...made.path, name] };
    };
    const wrong = wrongHeaderName(name);
    if (wrong !== undefined) yield problem(wrong);
    else if (names.has(name.toLowerCase())) yield problem('stands there twice');
    else if (name.toLowerCase() === keyHeaderOf(provider)) yield problem('carries the key already');
    names.add(name.toLowerCase());
  }
}

/** Without TLS a proxy reads everything, so what holds for the provider holds for it. */
function* checkProxy(
  { proxy, base_url: url, allow_http: allowHttp }: ReadProvider,
  at: At,
): Generator<RuleProblem> {
  if (proxy === undefined || proxy === 'none' || allowHttp || url === undefined) return;
  if (!/^http:/i.test(url) || isLoopback(new URL(proxy.origin).hostname)) return;
  yield at(
    'proxy',
    'would send prompts and credentials unencrypted to a proxy on another machine',
    'Leave the proxy out, or set allow_http: true for this provider if the network is yours.',
  );
}

/** Field that carries the key; undefined when there is no key. */
function keyHeaderOf(provider: ReadProvider): string | undefined {
  const { api_key: key, api_key_file: file, api_keys: keys } = provider;
  if (key === undefined && file === undefined && keys === undefined) return undefined;
  return provider.api_key_header ?? (provider.format === 'openai' ? 'authorization' : 'x-api-key');
}

function* checkFallback(
  name: string,
  provider: ReadProvider,
  config: ReadConfig,
  at: At,
): Generator<RuleProblem> {
  const fallback = provider.fallback_provider;
  if (fallback === undefined) return;
  const key = 'fallback_provider';
  if (fallback === name) yield at(key, 'cannot have itself as fallback_provider');
  else if (!Object.hasOwn(config.providers, fallback)) {
    const sentence = `has invalid fallback_provider '${fallback}' (provider does not exist)`;
    yield at(key, sentence, didYouMean(fallback, config));
  } else if (fallsBackToItself(name, config)) {
    yield { ...at(key, ''), sentence: `circular fallback chain detected involving provider '${name}'` };
  }
}

function fallsBackToItself(name: string, config: ReadConfig): boolean {
  const seen = new Set<string>();
  let next = config.providers[name]?.fallback_provider;
  while (next !== undefined && !seen.has(next) && Object.hasOwn(config.providers, next)) {
    if (next === name) return true;
    seen.add(next);
    next = config.providers[next]?.fallback_provider;
  }
  return false;
}

/** A guess at the provider that was meant; undefined when none is close. */
export function didYouMean(name: string, config: ReadConfig): string | undefined {
  const guess = nearestName(name, Object.keys(config.providers));
  return guess === undefined ? undefined : `Did you mean '${guess}'?`;
}

export function isFormat(format: string | undefined): format is 'anthropic' | 'openai' {
  return format === 'anthropic' || format === 'openai';
}
