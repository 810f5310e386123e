import type { CoreProvider } from '#core-config';

/** Path and query as the provider is asked for them; `path` begins with `/v1/`. */
export function providerTarget(
  { basePath, versionPath = '/v1', query }: Pick<CoreProvider, 'basePath' | 'versionPath' | 'query'>,
  path: string,
): string {
  const target = basePath + versionPath + path.slice('/v1'.length);
  return query === undefined ? target : withQuery(target, query);
}

/** Adds what the configuration says, in the place of what the client says by the same names. */
function withQuery(target: string, query: string): string {
  const at = target.indexOf('?');
  if (at < 0) return `${target}?${query}`;
  const names = new Set(new URLSearchParams(query).keys());
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter((part) => part !== '' && ![...new URLSearchParams(part).keys()].some((name) => names.has(name)));
  return `${target.slice(0, at)}?${[...kept, query].join('&')}`;
}
