import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { requestDigest } from './request-digest.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

it('is of sorted JSON, without what differs between two attempts', () => {
  const body = {
    stream: true,
    model: 'm',
    metadata: { user_id: 'u' },
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=1;' },
      { type: 'text', text: 'be good' },
    ],
    messages: [
      { role: 'user', content: 'go' },
      { role: 'user', content: [{ type: 'text', text: 'é', cache_control: { type: 'ephemeral' } }] },
    ],
  };
  expect(requestDigest(bytes(body), 'one, two')).toBe(
    sha256(
      '{"betas":["one","two"],"messages":[{"content":[{"text":"go","type":"text"}],"role":"user"},' +
        '{"content":[{"cache_control":{"type":"ephemeral"},"text":"é","type":"text"}],"role":"user"}],' +
        '"model":"m","system":[{"text":"be good","type":"text"}]}',
    ),
  );
});

it('sorts keys by their characters, whatever they are', () => {
  const body = Buffer.from('{"messages":[],"10":1,"9":2,"__proto__":{"b":[],"a":null}}');
  expect(requestDigest(body, undefined)).toBe(
    sha256('{"10":1,"9":2,"__proto__":{"a":null,"b":[]},"messages":[]}'),
  );
});

it('is nothing of what is no request', () => {
  for (const body of ['', 'null', '[]', '{"a":', '7'])
    expect(requestDigest(Buffer.from(body), undefined)).toBeUndefined();
  const deep = `{"messages":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  expect(requestDigest(Buffer.from(deep), undefined)).toBeUndefined();
});
