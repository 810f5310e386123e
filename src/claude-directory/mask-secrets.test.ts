import { describe, expect, it } from 'vitest';
import { maskArguments, masked, maskSecrets, maskText } from './mask-secrets.ts';

describe('maskSecrets', () => {
  it('hides every value of an environment and of headers but what is on or off, and keeps the names', () => {
    const env = { ANTHROPIC_API_KEY: 'abc', PLAIN: 'word', NUMBER: 12345, ON: '1', OFF: false };
    expect(maskSecrets({ env, headers: { 'x-some': 'thing' } })).toEqual({
      env: { ANTHROPIC_API_KEY: masked, PLAIN: masked, NUMBER: masked, ON: '1', OFF: false },
      headers: { 'x-some': masked },
    });
  });

  it('hides what stands under a name that sounds like a secret, at any depth', () => {
    const value = {
      a: [{ accessToken: 'x', password: 'y', author: 'somebody', apiKeyHelper: '/bin/key abc' }],
    };
    expect(maskSecrets(value)).toEqual({
      a: [{ accessToken: masked, password: masked, author: 'somebody', apiKeyHelper: masked }],
    });
  });

  it('leaves alone what is no secret', () => {
    const value = {
      model: 'claude-opus-4-5-20251101',
      permissions: { allow: ['Bash(npm run test:*)', 'mcp__github__list', 'Read(~/projects/my-app/**)'] },
      statusLine: { type: 'command', command: '~/.claude/statusline.sh' },
      path: '/home/me/projects/a-rather-long-name-of-a-directory/src',
      url: 'https://mcp.example.com/v1/sse',
      count: 3,
      nothing: null,
    };
    expect(maskSecrets(value)).toEqual(value);
  });

  it('keeps names that mean something to the language as plain names', () => {
    const shown = maskSecrets(JSON.parse('{"__proto__":{"polluted":1},"env":{"__proto__":"x"}}'));
    expect(JSON.stringify(shown)).toBe(`{"__proto__":{"polluted":1},"env":{"__proto__":"${masked}"}}`);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('shows nothing of what is nested deeper than anybody nests settings', () => {
    const deep = `${'['.repeat(100_000)}"hidden"${']'.repeat(100_000)}`;
    expect(JSON.stringify(maskSecrets(JSON.parse(deep)))).not.toContain('hidden');
  });
});

describe('maskText', () => {
  it.each([
    ['Bash(curl -H "Authorization: Bearer abcdef123456" x)', 'abcdef123456'],
    ['Bash(TOKEN=hunter2 run)', 'hunter2'],
    ['Bash(export GITHUB_TOKEN="hunter2")', 'hunter2'],
    ['https://user:hunter2@example.com/x', 'hunter2'],
    ['https://example.com/sse?api_key=hunter2&x=1', 'hunter2'],
    ['https://hooks.example.com/s/NDljYTk4ZTEtMjM0NS00/mcp', 'NDljYTk4'],
    ['sk-ant-api03-aaaaaaaaaaaaaaaaaaaa', 'aaaaaaaa'],
    ['ghp_0123456789abcdefghij', '0123456789'],
    ['github_pat_0123456789abcdefghij', '0123456789'],
    ['AKIAIOSFODNN7EXAMPLE', 'IOSFODNN'],
    ['eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl', 'eyJzdWIi'],
    ['0123456789abcdef0123456789abcdef', '0123456789'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----', 'MIIabc'],
  ])('hides the secret in %s', (text, secret) => {
    expect(maskText(text)).toContain(masked);
    expect(maskText(text)).not.toContain(secret);
  });

  it('is quick about long texts, whatever they hold', () => {
    for (const unit of [
      'token',
      'a1',
      '://a',
      'https://a/',
      '"token" = ',
      '-----BEGIN PRIVATE KEY-----',
      'key-_.',
    ])
      expect(typeof maskText(unit.repeat(20_000))).toBe('string');
  });
});

describe('maskArguments', () => {
  it('hides what follows an option that sounds like a secret, and values of variables and headers', () => {
    const words = [
      'run',
      '--token',
      'hunter2',
      '-e',
      'NAME=hunter2',
      '--env=OTHER=hunter2',
      '-H',
      'X-A: hunter2',
    ];
    const shown = maskArguments([...words, '--api-key=hunter2', '--verbose', 'plain']);
    expect(shown.join(' ')).not.toContain('hunter2');
    expect(shown).toContain('plain');
    expect(shown).toContain(`NAME=${masked}`);
  });
});
