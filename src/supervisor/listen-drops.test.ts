import { expect, it } from 'vitest';
import { parseListenDrops } from './listen-drops.ts';

it('finds the count of connections that the kernel turned away', () => {
  const text =
    'TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 20 23\nIpExt: InNoRoutes\nIpExt: 9\n';
  expect(parseListenDrops(text)).toBe(23);
});

it.each(['', 'TcpExt: A B\nTcpExt: 1 2\n', 'TcpExt: ListenDrops\n'])('knows no count in %j', (text) => {
  expect(parseListenDrops(text)).toBeUndefined();
});
