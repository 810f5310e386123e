import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  answerEvents,
  askBody,
  bodyOf,
  makeRecorderHome,
  type RecorderHome,
  storedExchanges,
  writeExchange,
} from './recorder-fixture.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

describe('the recorder', () => {
  it('keeps what core wrote with the exact bytes', async () => {
    const journal = await home.journal();
    const written = await writeExchange(journal, {
      request: askBody(),
      response: answerEvents('Forty-two.'),
    });
    home.start();

    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({
      id: written.id,
      path: '/v1/messages',
      query: 'beta=true',
      askedModel: 'claude-asked',
      answeredModel: 'claude-answered',
      outcome: 'complete',
      stopReason: 'end_turn',
      messageId: 'msg_1',
      usage: { inputTokens: 10, cacheReadTokens: 20, outputTokens: 7 },
      requestUnaltered: true,
      responseUnaltered: true,
      requestBytesMissing: 0,
      responseBytesMissing: 0,
      isStreaming: true,
    });
    const store = await home.store();
    expect(await bodyOf(store, written.id, 'request')).toEqual(written.request);
    expect(await bodyOf(store, written.id, 'response')).toEqual(written.response);
    await store.close();
  });
});
