import { isIP } from 'node:net';
import type { Reader } from './setting.ts';
import { listOf, text } from './setting-readers.ts';

/** True for every address and name that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

/** Addresses to listen on. `localhost` stands for both loopback addresses. */
export const listenHosts: Reader<readonly string[]> = (written) => {
  const reading = listOf(listenHost)(written);
  if ('wrong' in reading) return reading;
  const hosts = reading.value.flatMap((host) => (host === 'localhost' ? ['127.0.0.1', '::1'] : [host]));
  if (hosts.length === 0) return { wrong: 'names no address', fix: 'Write localhost, or leave the key out.' };
  return { value: [...new Set(hosts)] };
};

const listenHost: Reader<string> = (written) => {
  const host = String(written).replace(/^\[|\]$/g, '');
  if (host === 'localhost' || isIP(host) !== 0) return { value: host };
  return {
    wrong: 'is not an IP address',
    fix: 'Write localhost, or an IPv4 or IPv6 address of this machine.',
  };
};

/** A name that may stand in `Host`, without a port. */
export const hostName: Reader<string> = (written) => {
  const reading = text(written);
  if ('wrong' in reading) return reading;
  const host = reading.value.toLowerCase();
  const isName = /^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/.test(host) && host.length <= 253;
  if (isName || isIP(host.replace(/^\[|\]$/g, '')) !== 0) return { value: host };
  return {
    wrong: 'is not a host name',
    fix: 'Write the name alone: no scheme, port, path, wildcard or final dot.',
  };
};

/** An exact browser origin such as `https://dashboard.example`. */
export const browserOrigin: Reader<string> = (written) => {
  const reading = text(written);
  if ('wrong' in reading) return reading;
  const url = URL.canParse(reading.value) ? new URL(reading.value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.origin === reading.value.toLowerCase())
    return { value: url.origin };
  return {
    wrong: 'is not an exact origin',
    fix: 'Write scheme, host and port, for example "http://localhost:5173"; no path, no wildcard.',
  };
};

/** A token that survives a header, a cookie and a shell: 16 to 256 visible ASCII characters. */
export const accessToken: Reader<string> = (written) => {
  if (typeof written === 'string' && /^[A-Za-z0-9._~+/=-]{16,256}$/.test(written)) return { value: written };
  return {
    wrong: 'is not usable as a token',
    fix: 'Use 16 to 256 letters, digits or any of . _ ~ + / = -, for example the output of: openssl rand -hex 32',
  };
};
