import { isIP, SocketAddress } from 'node:net';

/** True when both texts mean the same IP address, however it is written; names are compared as text. */
export function sameHost(one: string, other: string): boolean {
  return canonical(one) === canonical(other);
}

function canonical(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const family = isIP(bare);
  if (family === 0) return bare.toLowerCase();
  return new SocketAddress({ address: bare, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
