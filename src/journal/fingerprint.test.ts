import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#exchange';
import { fingerprintHeaders, fingerprintTarget } from './fingerprint.ts';

const key = '0123456789abcdef0123456789abcdef';
/** Built from parts, so that no scanner takes this file for a leak. */
const anthropicKey = ['sk', 'ant', 'api03', 'Planted0Secret1Value2'].join('-');
const secrets = {
  anthropicKey,
  openaiKey: ['sk', 'proj', 'Planted3Secret4Value5'].join('-'),
  githubToken: `ghp_${'Planted6Secret7Value8Abcdefgh'}`,
  awsKey: `AKIA${'PLANTED9SECRET0Z'}`,
  googleKey: `AIza${'SyPlanted0Secret1Value2Abcdefghijkl'}`,
  jwt: ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiJwbGFudGVkIn0', 'c2lnbmF0dXJl'].join('.'),
  short: 'hunter2hunter',
};

function written(headers: readonly string[]): string {
  return JSON.stringify(fingerprintHeaders(headers, key));
}

describe('credentials in headers', () => {
  it.each([
    ['Authorization', `Bearer ${secrets.openaiKey}`],
    ['authorization', `Basic ${Buffer.from('user:Planted').toString('base64')}`],
    ['X-Api-Key', anthropicKey],
    ['x-goog-api-key', secrets.googleKey],
    ['api-key', secrets.short],
    ['apikey', secrets.short],
    ['X-Auth-Token', secrets.short],
    ['x-auth', secrets.short],
    ['X-Amz-Security-Token', secrets.short],
    ['client-secret', secrets.short],
    ['Cookie', `session=${secrets.short}; theme=dark`],
    ['Set-Cookie', `session=${secrets.short}; HttpOnly`],
    ['Proxy-Authorization', `Basic ${secrets.short}`],
    ['x-throughline-token', secrets.short],
    ['x-access-token', secrets.short],
    ['private_token', secrets.short],
    ['Ocp-Apim-Subscription-Key', secrets.short],
    ['x-functions-key', secrets.short],
    ['x-litellm-key', secrets.short],
  ])('SEC-07: the value of %s is not written', (name, value) => {
    const secret = value.replace(/^(?:Bearer|Basic) /, '');
    const safe = fingerprintHeaders(['Accept', 'a/b', name, value], key);
    expect(safe.slice(0, 3)).toEqual(['Accept', 'a/b', name]);
    expect(safe[3]).toMatch(/^(?:(?:Bearer|Basic) )?fp:[0-9a-f]{12}(?:….{4})?$/);
    expect(safe[3]).not.toContain(secret);
  });

  it.each(Object.entries(secrets).filter(([name]) => name !== 'short'))(
    'SEC-07: a key that shows what it is (%s) is not written, whatever its header is called',
    (_, secret) => {
      for (const value of [
        secret,
        `key=${secret}`,
        `Bearer ${secret}`,
        `{"auth":"${secret}"}`,
        ` ${secret},x`,
      ]) {
        expect(written(['x-forwarded-thing', value])).not.toContain(secret.slice(4, 20));
      }
    },
  );

  it('leaves everything else as it was sent', () => {
    const headers = [
      ...[
        'anthropic-ratelimit-tokens-remaining',
        '80000',
        'Anthropic-Beta',
        'oauth-2025-04-20,token-efficient',
      ],
      ...[
        'x-max-tokens',
        '4096',
        'request-id',
        'req_011CSHoEeqs5C35K2UUqR7Fy',
        'idempotency-key',
        'stainless-retry-1',
      ],
      ...[
        'User-Agent',
        'claude-cli/2.1.0 (external, cli)',
        'x-claude-code-session-id',
        '5f7b6e1e-0f6c-4b2e-9d0a-1f',
      ],
      ...['www-authenticate', 'Bearer realm="x"', 'x-author', 'someone', 'Accept', '*/*', 'Accept', 'again'],
      ...[
        'x-ratelimit-limit-tokens',
        '1000',
        'cf-ray',
        '8f0a1b2c3d4e5f60-FRA',
        'traceparent',
        `00-${'ab'.repeat(16)}-01`,
      ],
    ];
    expect(fingerprintHeaders(headers, key)).toEqual(headers);
  });

  it('keeps the scheme and the last four characters of a long secret, nothing of a short one', () => {
    const safe = fingerprintHeaders(
      ['authorization', `Bearer ${anthropicKey}`, 'x-api-key', secrets.short],
      key,
    );
    expect(safe[1]).toMatch(/^Bearer fp:[0-9a-f]{12}…lue2$/);
    expect(safe[3]).toMatch(/^fp:[0-9a-f]{12}$/);
  });

  it('SEC-07: shows nothing of what people choose or of what has parts: passwords and cookies', () => {
    const password = Buffer.from('user:correct horse battery').toString('base64');
    const safe = fingerprintHeaders(
      [
        'authorization',
        `Basic ${password}`,
        'Cookie',
        'a=1; session=some-session-id',
        'x-password',
        password,
      ],
      key,
    );
    expect(safe[1]).toMatch(/^Basic fp:[0-9a-f]{12}$/);
    expect(safe[3]).toMatch(/^fp:[0-9a-f]{12}$/);
    expect(safe[5]).toMatch(/^fp:[0-9a-f]{12}$/);
    expect(fingerprintTarget('/v1/x?password=correct-horse-battery', key)).toMatch(/fp:[0-9a-f]{12}$/);
  });

  it('gives the same secret the same fingerprint under one key, and another one under another', () => {
    const first = fingerprintHeaders(['x-api-key', anthropicKey], key);
    expect(fingerprintHeaders(['X-API-Key', anthropicKey], key)[1]).toBe(first[1]);
    expect(fingerprintHeaders(['x-api-key', `${anthropicKey}x`], key)[1]).not.toBe(first[1]);
    expect(fingerprintHeaders(['x-api-key', anthropicKey], `${key}x`)[1]).not.toBe(first[1]);
  });

  it('SEC-07: holds for any secret and any spelling of its header', () => {
    const name = fc.constantFrom(
      'authorization',
      'x-api-key',
      'cookie',
      'x-auth-token',
      'my-secret',
      'x-api_key',
    );
    const spelling = fc
      .tuple(name, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }))
      .map(([text, upper]) => {
        return [...text].map((letter, i) => (upper[i] === true ? letter.toUpperCase() : letter)).join('');
      });
    fc.assert(
      fc.property(spelling, fc.stringMatching(/^[!-~]{8,60}$/), (header, secret) => {
        const safe = fingerprintHeaders(['a', 'b', header, secret], key)[3]!;
        expect(safe).toMatch(/^(?:\w+ +)?fp:[0-9a-f]{12}(?:….{4})?$/);
        expect(safe).not.toContain(secret);
      }),
      { numRuns: 500 },
    );
  });

  it('SEC-13: is not confused by names of object properties', () => {
    const safe = fingerprintHeaders(['__proto__', 'x', 'constructor', 'y', 'toString', 'z'], key);
    expect(safe).toEqual(['__proto__', 'x', 'constructor', 'y', 'toString', 'z']);
    expect(headerValue(safe, '__proto__')).toBe('x');
  });

  it('SEC-21: takes linear time on values made to be slow', () => {
    for (const piece of ['sk-', 'Bearer ', 'eyJ-', 'xox', 'a.', '-_', 'fp:', 'basic basic ']) {
      const long = piece.repeat(Math.ceil(1_000_000 / piece.length));
      expect(fingerprintHeaders([long, long, 'x-auth', long, 'x-other', long], key)).toHaveLength(6);
      expect(fingerprintTarget(`/v1/messages?${long}=${long}`, key).length).toBeGreaterThan(0);
    }
  });
});

describe('credentials in a target', () => {
  it.each([
    `/v1/models?key=${secrets.googleKey}`,
    `/v1/models?a=b&api_key=${secrets.short}&c=d`,
    `/v1/models?access_token=${secrets.short}`,
    `/v1/models?%61pi%5Fkey=${secrets.short}`,
    `/v1/models?subscription-key=${secrets.short}`,
    `/v1/models?x=${anthropicKey}`,
    `/v1/${anthropicKey}/models`,
    `/v1/models?X-Amz-Signature=${secrets.short}&client_secret=${secrets.short}`,
  ])('SEC-07: %s is written without its secret', (target) => {
    const safe = fingerprintTarget(target, key);
    for (const secret of Object.values(secrets)) expect(safe).not.toContain(secret);
    expect(safe).toContain('fp:');
  });

  it('leaves a target without secrets as it is', () => {
    for (const target of [
      '/v1/messages?beta=true',
      '/v1/models?limit=20&after_id=model_01',
      '/p/my-tag/v1/messages',
    ]) {
      expect(fingerprintTarget(target, key)).toBe(target);
    }
  });
});
