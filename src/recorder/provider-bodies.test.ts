import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExchangeId, JournalEntry } from '#exchange';
import type { ReadFrame } from '#journal/read';
import { createAssembler } from './assemble.ts';
import {
  anExchangeId,
  anthropicRoute,
  askBody,
  bodyOf,
  closing,
  makeRecorderHome,
  opened,
  type RecorderHome,
  storedExchanges,
  tally,
} from './recorder-fixture.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

const request = askBody();
const response = Buffer.from('{"type":"message"}');
const route = {
  ...anthropicRoute,
  provider: 'chat',
  format: 'openai',
  upstreamTarget: '/v1/chat/completions',
} as const;
const answered = (attempt: number, status: number) => ({ attempt, result: 'answered', status }) as const;

describe('what a provider was sent and what it answered', () => {
  it('is kept of the last attempt, and proven by its checksums', async () => {
    const sent = [Buffer.from('{"model":"first"}'), Buffer.from('{"model":"second"}')] as const;
    const got = [Buffer.from('{"error":"busy"}'), Buffer.from('{"choices":[]}')] as const;
    const writer = await home.journal();
    const log = writer.open(anExchangeId(), opened());
    log.bytes('request', request);
    log.routeChosen(route);
    for (const [index, status] of [529, 200].entries()) {
      const attempt = index + 1;
      log.attemptStarted({
        attempt,
        provider: 'chat',
        origin: 'http://127.0.0.1:9',
        model: `model-${attempt}`,
        ...(index === 0 ? {} : { waitMs: 500 }),
      });
      log.bytes('provider-request', sent[index]!);
      log.bytes('provider-response', got[index]!);
      log.attemptEnded({
        ...answered(attempt, status),
        ...(index === 0 ? { reason: 'tried again in 500 ms' } : {}),
      });
    }
    log.bytes('response', response);
    await log.closed({
      ...closing(request, response),
      requestSent: tally(sent[1]),
      responseReceived: tally(got[1]),
      providerRequest: tally(sent[1]),
      providerResponse: tally(got[1]),
    });
    const recorder = home.start();
    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({
      providerRequest: { bytes: sent[1].length, bytesMissing: 0, isProven: true },
      providerResponse: { bytes: got[1].length, bytesMissing: 0, isProven: true },
      attempts: [
        { attempt: 1, model: 'model-1', status: 529, reason: 'tried again in 500 ms' },
        { attempt: 2, model: 'model-2', status: 200, waitMs: 500 },
      ],
    });
    const store = await home.store();
    expect(await bodyOf(store, exchange!.id, 'provider-request')).toEqual(sent[1]);
    expect(await bodyOf(store, exchange!.id, 'provider-response')).toEqual(got[1]);
    await store.close();
    expect(recorder.lines.join()).not.toContain('checksums differ');
  });

  it('is of no earlier attempt, also when more than may be kept was sent there', async () => {
    const writer = await home.journal({ bodyBytesMax: 100 });
    const log = writer.open(anExchangeId(), opened());
    log.routeChosen(route);
    log.attemptStarted({ attempt: 1, provider: 'chat', origin: 'http://127.0.0.1:9' });
    log.bytes('provider-request', Buffer.alloc(200, 'r'));
    log.bytes('provider-response', Buffer.alloc(200, 'a'));
    log.attemptEnded(answered(1, 529));
    log.attemptStarted({ attempt: 2, provider: 'anthropic', origin: 'http://127.0.0.1:8' });
    log.attemptEnded(answered(2, 200));
    await log.closed(closing(Buffer.alloc(0), Buffer.alloc(0)));
    home.start();
    const [exchange] = await storedExchanges(home, 1);
    expect([exchange!.providerRequest, exchange!.providerResponse]).toEqual([undefined, undefined]);
  });

  it('is reported when the journal holds something else, and counted when it holds less', async () => {
    const writer = await home.journal();
    const log = writer.open(anExchangeId(), opened());
    log.routeChosen(route);
    log.attemptStarted({ attempt: 1, provider: 'chat', origin: 'http://127.0.0.1:9' });
    log.bytes('provider-request', Buffer.from('other'));
    await log.closed({
      ...closing(Buffer.alloc(0), Buffer.alloc(0)),
      providerRequest: tally(Buffer.from('these')),
      providerResponse: tally(Buffer.from('lost')),
    });
    const recorder = home.start();
    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({
      providerRequest: { isProven: false, bytesMissing: 0 },
      providerResponse: { isProven: false, bytes: 4, bytesMissing: 4 },
    });
    expect(recorder.lines).toContain(
      'checksums differ: the journal holds other provider-request bytes than passed',
    );
  });

  it('is absent from a journal of before, whose translated bodies are still proven as far as they can be', async () => {
    const writer = await home.journal();
    const log = writer.open(anExchangeId(), opened());
    log.bytes('request', request);
    log.routeChosen(route);
    log.bytes('response', response);
    await log.closed({
      ...closing(request, response),
      requestSent: tally(response),
      responseReceived: tally(request),
    });
    const recorder = home.start();
    const [exchange] = await storedExchanges(home, 1);
    expect(exchange).toMatchObject({ outcome: 'complete', requestBytesMissing: 0, responseBytesMissing: 0 });
    expect([exchange!.providerRequest, exchange!.providerResponse]).toEqual([undefined, undefined]);
    expect(recorder.lines.join()).not.toContain('checksums differ');
  });
});

describe('a recorder from before', () => {
  it('finds everything else of an exchange whose new frames it skips', () => {
    const id = anExchangeId();
    const known = entries(id).filter(({ kind }) => !kind.startsWith('provider-'));
    const all = assembled(entries(id));
    const some = assembled(known);
    expect(all?.providerRequest?.bytes).toBe(3);
    expect(some).toMatchObject({ id, attempts: [{ started: { attempt: 1 } }], request: { bytes: 3 } });
    expect(some?.closed).toEqual(all?.closed);
    expect(some).not.toHaveProperty('providerRequest');
  });
});

function entries(exchangeId: ExchangeId): JournalEntry[] {
  const bytes = Buffer.from('abc');
  let sequence = 0;
  const frame = () => ({ exchangeId, sequence: sequence++, atUs: sequence });
  const gap = { side: 'provider-response', bytes: 9, reason: 'quota' } as const;
  return [
    { kind: 'exchange-opened', ...frame(), payload: opened() },
    { kind: 'request-bytes', ...frame(), bytes },
    {
      kind: 'attempt-started',
      ...frame(),
      payload: { attempt: 1, provider: 'chat', origin: 'http://a.test' },
    },
    { kind: 'provider-request-bytes', ...frame(), bytes },
    { kind: 'provider-gap', ...frame(), payload: gap },
    {
      kind: 'exchange-closed',
      ...frame(),
      payload: { ...closing(bytes, Buffer.alloc(0)), requestBytesDropped: 0, responseBytesDropped: 0 },
    },
  ];
}

function assembled(all: readonly JournalEntry[]) {
  const assembler = createAssembler('core');
  let last: ReturnType<typeof assembler.feed>;
  for (const entry of all) last = assembler.feed(asFrame(entry), 1) ?? last;
  return last;
}

function asFrame(entry: JournalEntry): ReadFrame {
  return { entry, startOffset: 0, payloadOffset: 44, endOffset: 50, isRepeated: false };
}
