import { expect, it } from 'vitest';
import { sameHost } from './same-host.ts';

it.each([
  ['::1', '0:0:0:0:0:0:0:1', true],
  ['[::1]', '::1', true],
  ['FE80::A', 'fe80:0::a', true],
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['127.0.0.1', '::1', false],
  ['0.0.0.0', '127.0.0.1', false],
  ['Host.test', 'host.test', true],
])('%s and %s are the same host: %s', (one, other, expected) => {
  expect(sameHost(one, other)).toBe(expected);
});
