import { describe, expect, it } from 'vitest';
import { type ExchangeId, type JournalEntry, newExchangeId } from '#exchange';
import { type AssembledExchange, type Assembler, createAssembler } from './assemble.ts';
import { anthropicRoute, closing, opened } from './recorder-fixture.ts';

const nothing = Buffer.alloc(0);
const closedPayload = { ...closing(nothing, nothing), requestBytesDropped: 0, responseBytesDropped: 0 };

function id(number: number): ExchangeId {
  return newExchangeId(1_800_000_000_000, Buffer.alloc(10, number));
}

/** The frames of one exchange with its body in single bytes. */
function framesOf(exchangeId: ExchangeId, request: string, response: string): JournalEntry[] {
  let sequence = 0;
  const frame = () => ({ exchangeId, atUs: 1_000 + sequence, sequence: sequence++ });
  return [
    { kind: 'exchange-opened', ...frame(), payload: opened() },
    ...[...request].map((byte) => ({ kind: 'request-bytes' as const, ...frame(), bytes: Buffer.from(byte) })),
    { kind: 'route-chosen', ...frame(), payload: anthropicRoute },
    {
      kind: 'attempt-started',
      ...frame(),
      payload: { attempt: 1, provider: 'anthropic', origin: 'https://a.test' },
    },
    { kind: 'attempt-ended', ...frame(), payload: { attempt: 1, result: 'answered', status: 200 } },
    {
      kind: 'response-opened',
      ...frame(),
      payload: { source: 'provider', status: 200, statusText: 'OK', httpVersion: '1.1', headers: [] },
    },
    ...[...response].map((byte) => ({
      kind: 'response-bytes' as const,
      ...frame(),
      bytes: Buffer.from(byte),
    })),
    { kind: 'exchange-closed', ...frame(), payload: closedPayload },
  ];
}

function feed(assembler: Assembler, entries: readonly JournalEntry[], offset = 0): AssembledExchange[] {
  return entries.flatMap((entry, index) => {
    const startOffset = offset + index * 100;
    const frame = {
      entry,
      startOffset,
      payloadOffset: startOffset + 44,
      endOffset: startOffset + 100,
      isRepeated: false,
    };
    return assembler.feed(frame, 1) ?? [];
  });
}

function text(body: AssembledExchange['request']): string {
  return body.frames.map(({ bytes }) => Buffer.from(bytes!).toString()).join('');
}

describe('assembling', () => {
  it('puts an exchange together from its frames', () => {
    const [exchange] = feed(createAssembler('core'), framesOf(id(1), 'ask', 'answer'));
    expect(text(exchange!.request)).toBe('ask');
    expect(text(exchange!.response)).toBe('answer');
    expect(exchange).toMatchObject({
      openedAtUs: 1_000,
      first: { segmentNumber: 1, offset: 0 },
      route: anthropicRoute,
    });
    expect(exchange!.attempts).toMatchObject([{ started: { attempt: 1 }, ended: { result: 'answered' } }]);
  });

  it('keeps interleaved exchanges apart, whatever their interleaving', () => {
    const [one, two] = [framesOf(id(1), 'abc', 'defg'), framesOf(id(2), 'hi', 'jklmno')];
    for (let seed = 0; seed < 50; seed += 1) {
      const left = [[...one], [...two]];
      const mixed: JournalEntry[] = [];
      for (let n = seed; left[0]!.length + left[1]!.length > 0; n = (n * 7 + 3) % 101) {
        const from = left[n % 2]!.length > 0 ? left[n % 2]! : left[1 - (n % 2)]!;
        mixed.push(from.shift()!);
      }
      const exchanges = feed(createAssembler('core'), mixed).sort((a, b) => (a.id < b.id ? -1 : 1));
      expect(exchanges.map(({ request, response }) => [text(request), text(response)])).toEqual([
        ['abc', 'defg'],
        ['hi', 'jklmno'],
      ]);
    }
  });

  it('gives what exists of an exchange that stops after any of its frames', () => {
    const frames = framesOf(id(1), 'ask', 'answer');
    for (let cut = 1; cut < frames.length; cut += 1) {
      const assembler = createAssembler('core');
      expect(feed(assembler, frames.slice(0, cut))).toEqual([]);
      const [exchange] = assembler.interrupt();
      expect(exchange!.closed).toBeUndefined();
      expect('ask'.startsWith(text(exchange!.request))).toBe(true);
      expect('answer'.startsWith(text(exchange!.response))).toBe(true);
      expect(assembler.interrupt()).toEqual([]);
    }
  });

  it('ignores frames that come twice', () => {
    const frames = framesOf(id(1), 'ask', 'answer');
    const doubled = frames.flatMap((frame) => [frame, frame]);
    const [exchange, ...more] = feed(createAssembler('core'), [...doubled, ...frames]);
    expect([text(exchange!.request), text(exchange!.response), more]).toEqual(['ask', 'answer', []]);
  });

  it('puts frames in order that were repeated late', () => {
    const frames = framesOf(id(1), 'ask', 'answer');
    const late = [...frames.slice(2, 5), frames[0]!, frames[1]!, ...frames.slice(5)];
    const [exchange] = feed(createAssembler('core'), late);
    expect([text(exchange!.request), exchange!.opened?.method]).toEqual(['ask', 'POST']);
  });

  it('does without any single frame but the last', () => {
    const frames = framesOf(id(1), 'ask', 'answer');
    for (let lost = 0; lost < frames.length - 1; lost += 1) {
      const [exchange] = feed(createAssembler('core'), frames.toSpliced(lost, 1));
      expect(exchange!.closed).toBeDefined();
      const bytes = text(exchange!.request).length + text(exchange!.response).length;
      expect(bytes).toBe(frames[lost]!.kind.endsWith('-bytes') ? 8 : 9);
    }
  });

  it('needs the journal from the first frame of the oldest open exchange', () => {
    const assembler = createAssembler('core');
    const [one, two] = [framesOf(id(1), 'a', 'b'), framesOf(id(2), 'c', 'd')];
    feed(assembler, one.slice(0, -1), 0);
    feed(assembler, two.slice(0, -1), 10_000);
    expect(assembler.oldestPlace()).toEqual({ segmentNumber: 1, offset: 0 });
    feed(assembler, one.slice(-1), 20_000);
    expect(assembler.oldestPlace()).toEqual({ segmentNumber: 1, offset: 10_000 });
    feed(assembler, two.slice(-1), 30_000);
    expect(assembler.oldestPlace()).toBeUndefined();
  });

  it('counts gaps by side', () => {
    const frames = framesOf(id(1), 'ask', '');
    const gap: JournalEntry = {
      kind: 'gap',
      exchangeId: id(1),
      sequence: 2,
      atUs: 1,
      payload: { side: 'request', bytes: 7, reason: 'quota' },
    };
    const [exchange] = feed(createAssembler('core'), frames.with(2, gap));
    expect([text(exchange!.request), exchange!.request.gapBytes, exchange!.response.gapBytes]).toEqual([
      'ak',
      7,
      0,
    ]);
  });
});
