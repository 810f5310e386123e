import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  endToEnd,
  type FakeProvider,
  listStored,
  readBack,
  readBody,
  recordings,
  startFakeProvider,
  startThroughline,
  type Throughline,
} from '#test-support';

// Every recorded exchange is played through the real services: the same bytes in both directions, and the same
// bytes read back from the store.
let provider: FakeProvider;
let throughline: Throughline;
beforeAll(async () => {
  provider = await startFakeProvider();
  throughline = await startThroughline({ providerOrigin: provider.origin });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

describe('recorded exchanges', () => {
  it.each(recordings().map((recording) => [recording.name, recording] as const))(
    '%s: arrive unchanged in both directions and can be read back exactly',
    async (_name, { exchanges }) => {
      const before = (await listStored(throughline)).length;
      const forwarded: { sent: Buffer; received: Buffer }[] = [];
      for (const exchange of exchanges) {
        provider.forget();
        provider.respondOnceWith(exchange.answer);
        const answer = await askOnce(throughline.frontUrl, exchange);
        const arrived = await provider.request(0);
        expect(arrived.body.equals(exchange.body)).toBe(true);
        expect(arrived.target).toBe(exchange.target);
        expect(endToEnd(arrived.rawHeaders)).toEqual(endToEnd(exchange.headers));
        expect(answer.body.toString()).toBe(exchange.answer.body?.join(''));
        expect(endToEnd(answer.rawHeaders)).toEqual(endToEnd(exchange.answer.headers ?? []));
        forwarded.push({ sent: exchange.body, received: answer.body });
      }
      const stored = (await readBack(throughline, before + exchanges.length)).slice(before);
      expect(stored.map(({ outcome }) => outcome)).toEqual(exchanges.map(() => 'complete'));
      for (const [index, { requestId }] of stored.entries()) {
        expect((await readBody(throughline, requestId, 'request')).equals(forwarded[index]!.sent)).toBe(true);
        expect((await readBody(throughline, requestId, 'response')).equals(forwarded[index]!.received)).toBe(
          true,
        );
      }
    },
  );
});
