import { describe, expect, it } from 'vitest';
import { hostProblem } from './host.ts';

const access = { allowedHosts: ['box.lan'] };
const ports = [3000, 3001];

function judge(...values: string[]): string | undefined {
  return hostProblem(
    values.flatMap((value) => ['Host', value]),
    ports,
    access,
  )?.code;
}

describe('the Host of a request', () => {
  it.each([
    '127.0.0.1:3000',
    'localhost:3001',
    'LocalHost:3000',
    '[::1]:3000',
    'box.lan',
    'box.lan:3000',
    'BOX.lan:8443',
  ])('SEC-01: may be %s', (host) => {
    expect(judge(host)).toBeUndefined();
  });

  it.each([
    ...['evil.com', 'evil.com:3000', 'localhost.evil.com:3000', '127.0.0.1.nip.io:3000', 'xlocalhost:3000'],
    ...['localhost.:3000', 'LOCALHOST.:3000', '127.0.0.1.:3000', 'box.lan.', '', ' ', ':3000', 'localhost:'],
    ...[
      'localhost',
      '127.0.0.1',
      '[::1]',
      'localhost:80',
      'localhost:3002',
      'localhost:99999',
      'localhost:03000x',
    ],
    ...['127.1:3000', '2130706433:3000', '0.0.0.0:3000', '0x7f.0.0.1:3000', '127.0.0.2:3000', '[::]:3000'],
    ...[
      '[::ffff:127.0.0.1]:3000',
      '::1:3000',
      '[::1',
      'localhost:3000,evil.com',
      'localhost:3000 ',
      'a@localhost:3000',
    ],
    ...['localhost:3000/', 'localhost\t:3000', 'locаlhost:3000', 'sub.box.lan', 'box.lan:3000:3000', '*'],
  ])('SEC-01: may not be "%s"', (host) => {
    expect(judge(host)).toBe('bad-host');
  });

  it('SEC-01: must stand there exactly once', () => {
    expect(judge()).toBe('bad-host');
    expect(judge('localhost:3000', 'localhost:3000')).toBe('bad-host');
    expect(hostProblem(['host', 'localhost:3000', 'HOST', 'evil.com'], ports, access)?.code).toBe('bad-host');
  });

  it('may leave out the port only when it is 80', () => {
    expect(hostProblem(['Host', 'localhost'], [80], access)).toBeUndefined();
    expect(hostProblem(['Host', '127.0.0.1'], new Set([80]), access)).toBeUndefined();
  });

  it('SEC-21: is judged in linear time', () => {
    for (const piece of ['a.', '-', 'a', '[:', ':0', '1.1.']) {
      expect(judge(piece.repeat(500_000))).toBe('bad-host');
      expect(judge(piece.repeat(100))).toBe('bad-host');
    }
  });
});
