import { isLoopback } from './network-readers.ts';
import type { Reading } from './setting.ts';

export interface ProviderAddress {
  /** `https://host[:port]` */
  readonly origin: string;
  /** Without a trailing slash; empty when none. */
  readonly basePath: string;
  /** What stands in the place of a leading `/v1`; absent = it stays. */
  readonly versionPath?: string;
}

/**
 * Reads `base_url`. A final `/v1` is left out of the base path, because every forwarded path begins with it:
 * people write the address with and without it. Other addresses of the OpenAI format are what stands before
 * `/chat/completions`, as every client of it has it: `https://host/v1beta/openai`.
 */
export function readProviderAddress(
  written: string,
  options: { readonly allowHttp: boolean; readonly format?: string | undefined },
): Reading<ProviderAddress> {
  if (!/^https?:\/\//i.test(written)) {
    return {
      wrong: 'has no scheme',
      fix: `Write "https://${withoutScheme(written)}" (or http:// for this machine).`,
    };
  }
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (!url) return { wrong: 'is not a valid address', fix: 'Write for example "https://api.anthropic.com".' };
  if (url.username || url.password) {
    return { wrong: 'carries a user name or password', fix: 'Take them out of the address and use api_key.' };
  }
  if (written.includes('?') || written.includes('#')) {
    return { wrong: 'has a query or fragment', fix: 'Write scheme, host, port and path only.' };
  }
  if (url.protocol === 'http:' && !options.allowHttp && !isLoopback(url.hostname)) {
    return {
      wrong: 'would send prompts and credentials unencrypted to another machine',
      fix: 'Use https://, or set allow_http: true for this provider if the network is yours.',
    };
  }
  const basePath = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  if (/%2f|%5c|\\|\/\//i.test(basePath)) return { wrong: 'has a path with empty or encoded parts' };
  const isWithoutVersion = options.format === 'openai' && basePath !== '' && !/\/v1\/*$/.test(url.pathname);
  return { value: { origin: url.origin, basePath, ...(isWithoutVersion ? { versionPath: '' } : {}) } };
}

function withoutScheme(written: string): string {
  return written
    .replace(/^[a-z]*:?\/+/i, '')
    .replace(/^[^/]*@/, '')
    .replace(/[?#].*$/s, '')
    .slice(0, 80);
}
