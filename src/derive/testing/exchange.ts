import { createHash } from 'node:crypto';
import { type Exchange, newExchangeId } from '#exchange';
import type { ExchangeToStore } from '#store';

const nothing = createHash('sha256').digest('hex');

/** A complete exchange without bodies, for the store. Ids are made of the time and the number. */
export function exchange(number: number, facts: Partial<Exchange> = {}): ExchangeToStore {
  const receivedAtMs = facts.receivedAtMs ?? 1_790_000_000_000 + number;
  const random = createHash('sha256').update(`exchange ${number}`).digest();
  return {
    exchange: {
      id: newExchangeId(receivedAtMs, random),
      receivedAtMs,
      method: 'POST',
      path: '/v1/messages',
      query: 'beta=true',
      isStreaming: true,
      outcome: 'complete',
      status: 200,
      usage: {},
      toolsDeclared: [],
      toolsCalled: [],
      requestHeaders: [],
      responseHeaders: [],
      requestBytes: 0,
      responseBytes: 0,
      requestSha256: nothing,
      responseSha256: nothing,
      requestUnaltered: true,
      responseUnaltered: true,
      requestBytesMissing: 0,
      responseBytesMissing: 0,
      attempts: [],
      dropped: [],
      coreId: 'core-1',
      coreVersion: '0.1.0',
      ...facts,
    },
    request: { pieces: [] },
    response: { pieces: [] },
    responseArrivals: [],
  };
}
