import { describe, expect, it } from 'vitest';
import { readProviderAddress } from './provider-address.ts';

describe('the address of a provider', () => {
  const read = (text: string, allowHttp = false) => readProviderAddress(text, { allowHttp });

  it('becomes a fixed origin and a base path', () => {
    expect(read('https://api.example/anthropic/')).toEqual({
      value: { origin: 'https://api.example', basePath: '/anthropic' },
    });
    expect(read('https://api.example:8443')).toEqual({
      value: { origin: 'https://api.example:8443', basePath: '' },
    });
  });

  it('may end in /v1 or not', () => {
    expect(read('https://api.example/v1')).toEqual({
      value: { origin: 'https://api.example', basePath: '' },
    });
    expect(read('https://api.example/x/v1/')).toEqual({
      value: { origin: 'https://api.example', basePath: '/x' },
    });
  });

  it('is refused without a scheme, and the fix shows how to write it', () => {
    expect(read('localhost:1234')).toMatchObject({
      wrong: 'has no scheme',
      fix: 'Write "https://localhost:1234" (or http:// for this machine).',
    });
    expect(read('ftp://example')).toMatchObject({ wrong: 'has no scheme' });
  });

  it('is refused with credentials, query or fragment in it', () => {
    expect(read('https://me:secret@api.example')).toMatchObject({ wrong: 'carries a user name or password' });
    expect(JSON.stringify(read('https://me:secret@api.example'))).not.toContain('secret');
    expect(read('https://api.example/?key=1')).toHaveProperty('wrong');
    expect(read('https://api.example/#x')).toHaveProperty('wrong');
  });

  it('may be plain http only on this machine, unless that is permitted', () => {
    for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:1', '127.9.9.9']) {
      expect(read(`http://${host}`), host).toHaveProperty('value');
    }
    for (const host of ['192.168.1.2', 'localhost.example', '127.0.0.1.nip.io', '[::2]']) {
      expect(read(`http://${host}`), host).toHaveProperty('wrong');
      expect(read(`http://${host}`, true), host).toHaveProperty('value');
    }
  });
});
