import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProblem, strictTarget, taggedPath } from './target.ts';

function accepts(target: string): boolean {
  return !isProblem(strictTarget(target));
}

describe('a request target', () => {
  it.each([
    ['/v1/messages', '/v1/messages', ''],
    ['/v1/messages?beta=true', '/v1/messages', 'beta=true'],
    ['/v1/models/claude-opus-4-5@20251101', '/v1/models/claude-opus-4-5@20251101', ''],
    ["/v1/a%20b;c=1/(d)!*'$&+,=:~", "/v1/a%20b;c=1/(d)!*'$&+,=:~", ''],
    ['/', '/', ''],
    ['/?', '/', ''],
    ['/v1/files/..hidden/a.b', '/v1/files/..hidden/a.b', ''],
    ['/v1/x?a=//b&c=../d&e=%2e%2e%2f&f=a?b', '/v1/x', 'a=//b&c=../d&e=%2e%2e%2f&f=a?b'],
  ])('%s is plain', (target, path, query) => {
    expect(strictTarget(target)).toEqual({ path, query });
  });

  it.each([
    ...[
      '',
      '*',
      'v1/messages',
      'http://evil.com/v1/messages',
      'HTTP://127.0.0.1:3000/v1',
      'evil.com:443',
      '?a=b',
    ],
    ...[
      '//evil.com/v1/messages',
      '/v1//messages',
      '/v1/messages//',
      '///',
      '/\\evil.com',
      '\\\\evil.com',
      '/v1\\x',
    ],
    ...[
      '@evil.com/',
      '/@evil.com/',
      '/v1/../admin',
      '/v1/..',
      '/..',
      '/.',
      '/./v1',
      '/v1/./messages',
      '/v1/.',
    ],
    ...[
      '/v1/..;/admin',
      '/v1/.;x/y',
      '/v1/%2e%2e/admin',
      '/v1/%2E%2e/admin',
      '/v1/.%2e',
      '/v1/%2e./x',
      '/%2e/v1',
    ],
    ...[
      '/v1/%2fapi',
      '/v1/%2Fapi',
      '/v1%5capi',
      '/v1%5Capi',
      '/v1/%00',
      '/v1/%0d%0aHost:%20x',
      '/v1/%1F',
      '/v1/%7f',
    ],
    ...[
      '/v1/%252e%252e/x',
      '/v1/%252f',
      '/v1/%',
      '/v1/%2',
      '/v1/%zz',
      '/v1/a#b',
      '/v1/a?b#c',
      '/v1/a b',
      '/v1/a\tb',
    ],
    ...[
      '/v1/a\r\nHost: evil',
      '/v1/\0',
      '/v1/ä',
      '/v1/\u2028',
      '/v1/a?b=\u0000',
      '/v1/a?b=c d',
      '/v1/<x>',
      '/v1/"x"',
    ],
  ])('SEC-14, STR-10: %j is refused', (target) => {
    expect(strictTarget(target)).toMatchObject({ code: 'bad-target' });
  });

  it('is refused beyond 8 KiB', () => {
    expect(accepts(`/${'a'.repeat(8191)}`)).toBe(true);
    expect(accepts(`/${'a'.repeat(8192)}`)).toBe(false);
  });

  it('SEC-14: that is accepted means the same to a URL parser, on the host it was asked of', () => {
    const part = fc.constantFrom(
      ...[
        '/',
        '//',
        '.',
        '..',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '%00',
        '%25',
        '\\',
        '@',
        '#',
        '?',
        ';',
        ':',
        ' ',
        '\t',
      ],
      ...[
        'v1',
        'api',
        'messages',
        'evil.com',
        'a',
        '%41',
        'é',
        '~',
        'http:',
        '%',
        '\n',
        '[',
        ']',
        '|',
        '{',
        '&',
        '=',
      ],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const raw = `/${parts.join('')}`;
        const target = strictTarget(raw);
        if (isProblem(target)) return;
        const url = new URL(raw, 'http://127.0.0.1:3000');
        expect(url.host).toBe('127.0.0.1:3000');
        expect(url.username + url.hash).toBe('');
        expect(url.pathname).toBe(target.path);
        expect(decodeURIComponent(target.path.replace(/%(?![0-7])/g, '%25')).split('/')).not.toContain('..');
      }),
      { numRuns: 5000 },
    );
  });

  it('SEC-21: is judged in linear time', () => {
    for (const piece of ['/', '/.', '%2e', '%', '/..a', ';', '?', '/p/', '%25']) {
      expect(accepts(`/${piece.repeat(1_000_000)}`)).toBe(false);
      strictTarget(`/${piece.repeat(2000)}`);
      expect(taggedPath(`/p/${piece.repeat(2000)}`)).toBeUndefined();
    }
  });
});

describe('a tagged path', () => {
  it('gives its tag and the path behind it', () => {
    expect(taggedPath('/p/my.project-1_a/v1/messages')).toEqual({
      tag: 'my.project-1_a',
      path: '/v1/messages',
    });
    expect(taggedPath(`/p/${'t'.repeat(64)}/v1`)).toEqual({ tag: 't'.repeat(64), path: '/v1' });
  });

  it.each([
    '/p//v1/x',
    '/p/a/v2/x',
    '/p/a/v1x',
    '/p/a%20b/v1/x',
    `/p/${'t'.repeat(65)}/v1/x`,
    '/v1/p/a/v1',
    '/p/a/b/v1/x',
    '/p/a',
  ])('%s is not one', (path) => {
    expect(taggedPath(path)).toBeUndefined();
  });
});
