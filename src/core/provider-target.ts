import type { CoreProvider } from '#core-config';

/** Path and query as the provider is asked for them; `path` begins with `/v1/`. */
export function providerTarget(
  { basePath, versionPath = '/v1' }: Pick<CoreProvider, 'basePath' | 'versionPath'>,
  path: string,
): string {
  return basePath + versionPath + path.slice('/v1'.length);
}
