import { describe, expect, it } from 'vitest';
import { providerHeadersFor, translatedHeadersFor } from './provider-headers.ts';

const framing = (provider: object = {}) => ({
  hostHeader: 'api.example',
  provider: { format: 'anthropic' as const, ...provider },
});
const secrets = [
  ...['Authorization', 'Bearer theirs', 'x-api-key', 'theirs', 'Cookie', 'theirs', 'api-key', 'theirs'],
  ...['X-Goog-Api-Key', 'theirs', 'x-custom-token', 'theirs', 'proxy-authorization', 'theirs'],
];
const raw = [
  ...['Host', 'h', 'Content-Type', 'application/json', 'User-Agent', 'cli', ...secrets],
  ...[
    'anthropic-version',
    '2023-06-01',
    'anthropic-beta',
    'a-1, oauth-2025-04-20,b-2',
    'x-stainless-os',
    'L',
  ],
  ...['X-Claude-Code-Session-Id', 's', 'Content-Length', '3'],
];

describe('the header for a provider', () => {
  it('is the whole of it for the one that the credential of the client is meant for', () => {
    expect(
      providerHeadersFor(['x-api-key', 'theirs', 'x-any', '1', 'content-length', '0'], 'POST', framing()),
    ).toEqual([...['Host', 'api.example', 'x-api-key', 'theirs', 'x-any', '1', 'content-length', '0']]);
  });

  it('has listed fields and the configured key for another, and no credential of the client', () => {
    expect(providerHeadersFor(raw, 'POST', framing({ apiKey: 'ours' }))).toEqual([
      ...['Host', 'api.example', 'Content-Type', 'application/json', 'User-Agent', 'cli'],
      ...['anthropic-version', '2023-06-01', 'anthropic-beta', 'a-1,b-2', 'Content-Length', '3'],
      ...['x-api-key', 'ours'],
    ]);
  });

  it('tells a provider of another format nothing that is for Anthropic', () => {
    const headers = providerHeadersFor(raw, 'POST', framing({ format: 'openai', apiKey: 'ours' }));
    expect(headers.join()).not.toMatch(/anthropic|theirs/);
    expect(headers.slice(-2)).toEqual(['authorization', 'Bearer ours']);
  });

  it('proves nothing to a provider that gets no key', () => {
    const headers = providerHeadersFor(raw, 'POST', framing({ auth: 'none' }));
    expect(headers.join()).not.toMatch(/theirs|ours/);
    expect(providerHeadersFor(raw, 'POST', framing({ auth: 'none', apiKey: 'ours' })).join()).not.toMatch(
      /theirs/,
    );
  });

  it('has the length of a body that was changed, in place of any other framing', () => {
    const chunked = ['Host', 'h', 'Transfer-Encoding', 'chunked', 'Trailer', 'x-sum', 'x-any', '1'];
    expect(providerHeadersFor(chunked, 'POST', framing(), 12)).toEqual([
      ...['Host', 'api.example', 'x-any', '1', 'Content-Length', '12'],
    ]);
  });
});

describe('the header of a translated request', () => {
  it('P7: asks for an answer that is not compressed, and carries nothing of the client but its program', () => {
    const told = { bodyBytes: 7, isStreaming: true };
    // Even where the credential of the client is meant for this provider: it is Anthropic's.
    for (const provider of [{ apiKey: 'ours', auth: 'key' }, { auth: 'client' }]) {
      const headers = translatedHeadersFor(raw, framing({ format: 'openai', ...provider }), told);
      expect(headers).toEqual([
        ...['Host', 'api.example', 'Content-Type', 'application/json', 'Content-Length', '7'],
        ...['Accept', 'text/event-stream', 'Accept-Encoding', 'identity', 'User-Agent', 'cli'],
        ...('apiKey' in provider ? ['authorization', 'Bearer ours'] : []),
      ]);
    }
  });

  it('has the key of a client of OpenAI under the name that Anthropic has for it, where it gets the client one', () => {
    const told = { bodyBytes: 7, isStreaming: false };
    const bearer = ['Authorization', 'Bearer theirs', 'Cookie', 'planted'];
    const credentials = (provider: object) =>
      translatedHeadersFor(bearer, framing({ format: 'anthropic', ...provider }), told).slice(10);
    const version = ['anthropic-version', '2023-06-01'];
    expect(credentials({ auth: 'client' })).toEqual([...version, 'x-api-key', 'theirs']);
    expect(credentials({ auth: 'key', apiKey: 'ours' })).toEqual([...version, 'x-api-key', 'ours']);
    expect(credentials({ auth: 'none' })).toEqual(version);
  });
});
