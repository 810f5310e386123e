import { createHash, timingSafeEqual } from 'node:crypto';
import { type HeaderList, headerValue, headerValues } from '#exchange';
import type { Area } from './origin.ts';

/** Compares in a time that tells nothing about either. An empty token matches nothing. */
export function tokenMatches(given: string | undefined, token: string): boolean {
  if (given === undefined) return false;
  const isEqual = timingSafeEqual(digest(given), digest(token));
  return isEqual && token !== '';
}

/** Digests have one length, which `timingSafeEqual` asks for. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The token a request carries: `x-throughline-token`; on `api` also `Authorization: Bearer` and the cookie
 * `throughline_token`. On `v1` the last two belong to the provider.
 */
export function tokenFrom(headers: HeaderList, area: Area): string | undefined {
  const own = headerValue(headers, 'x-throughline-token');
  if (own !== undefined || area === 'v1') return own;
  return bearerToken(headers) ?? cookieToken(headers);
}

function bearerToken(headers: HeaderList): string | undefined {
  const value = headerValue(headers, 'authorization');
  if (value === undefined || value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return value.slice(7).trim();
}

function cookieToken(headers: HeaderList): string | undefined {
  for (const field of headerValues(headers, 'cookie')) {
    for (const pair of field.split(';')) {
      const [name, value] = split(pair.trim());
      if (name === 'throughline_token') return value;
    }
  }
  return undefined;
}

function split(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
