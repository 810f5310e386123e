import { describe, expect, it } from 'vitest';
import { understandAnthropicRequest } from './request.ts';

function understand(body: unknown) {
  return understandAnthropicRequest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

describe('a Messages request', () => {
  it('tells model, stream, tools, session and how much it carries', () => {
    const userId = JSON.stringify({ device_id: 'd1', account_uuid: 'a1', session_id: 's1' });
    expect(
      understand({
        model: 'claude-x',
        stream: true,
        system: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
        messages: [{ role: 'user', content: 'hi' }],
        tools: [
          { name: 'Look', input_schema: { type: 'object' } },
          { type: 'web_search', name: 'web_search' },
          {},
        ],
        metadata: { user_id: userId },
      }),
    ).toEqual({
      askedModel: 'claude-x',
      isStreaming: true,
      toolsDeclared: ['Look', 'web_search'],
      messageCount: 1,
      systemCount: 2,
      sessionId: 's1',
      deviceId: 'd1',
      accountId: 'a1',
      isReadable: true,
    });
  });

  it('finds the session in the older form of user_id', () => {
    const session = '0b7d9c1e-1111-4222-8333-444455556666';
    const body = { metadata: { user_id: `user_0f_account_1_session_${session}` } };
    expect(understand(body).sessionId).toBe(session);
  });

  it.each([
    ['{"stream":"true"}', false],
    ['{"stream":1}', false],
    ['{"stream":false,"stream":true}', true],
    ['{}', false],
  ])('%s streams: %s', (body, isStreaming) => {
    expect(understand(body).isStreaming).toBe(isStreaming);
  });

  it('says that a body is not readable instead of failing', () => {
    for (const body of ['', 'not json', '[1]', '{"model":"x"'])
      expect(understand(body).isReadable).toBe(false);
  });

  it('ignores values of the wrong kind', () => {
    expect(understand({ model: 7, tools: 'all', messages: {}, system: 'one text', metadata: [] })).toEqual({
      isStreaming: false,
      toolsDeclared: [],
      messageCount: 0,
      systemCount: 1,
      isReadable: true,
    });
  });
});
