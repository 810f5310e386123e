import { describe, expect, it } from 'vitest';
import { createSseReader, dialectOf, type SseEvent, sliceJson, understandAnswer } from './index.ts';

const paths = ['/v1/messages', '/v1/messages/count_tokens', '/v1/chat/completions', '/v1/responses'];
const deep = 100_000;

/** Bodies that no provider sends and an attacker may. */
const corpus: readonly (readonly [string, string])[] = [
  ['arrays nested 100,000 deep', `{"messages":${'['.repeat(deep)}${']'.repeat(deep)}}`],
  ['objects nested 100,000 deep', `{"tools":[${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}]}`],
  ['nesting that is never closed', `{"messages":[${'[{"a":'.repeat(deep)}`],
  ['a number of a megabyte', `{"usage":{"input_tokens":${'9'.repeat(1_000_000)}}}`],
  ['lone surrogates', '{"model":"\\ud800","id":"\\udfff\\ud800","messages":["\\ud83d"]}'],
  ['NUL characters', '{"model":"a\\u0000b","id":"\\u0000"}'],
  ['duplicate keys', '{"model":"a","model":["b"],"usage":1,"usage":{"input_tokens":2}}'],
  [
    'prototype keys',
    '{"__proto__":{"isPolluted":1},"constructor":{"prototype":{"isPolluted":1}},"usage":{"__proto__":{"input_tokens":7}},"model":"m"}',
  ],
  [
    'wrong types everywhere',
    '{"model":{},"id":[],"usage":"x","content":7,"choices":{},"output":null,"error":1}',
  ],
  [
    'odd content',
    '{"content":[null,1,"x",[],{"type":"tool_use","name":{}}],"choices":[null,{"message":[]}]}',
  ],
  ['a long run of quotes', `{"a":"${'\\"'.repeat(500_000)}"}`],
  ['a long run of backslashes', `{"a":"${'\\\\'.repeat(500_000)}`],
  ['only spaces', ' '.repeat(1_000_000)],
];

function asStream(text: string): Buffer {
  return Buffer.from(
    `data: ${text}\n\nevent: message_start\ndata: {"type":"message_start","message":${text}}\n\n` +
      `data: {"type":"content_block_start","index":1e308,"content_block":${text}}\n\n` +
      `data: {"type":"content_block_delta","index":"__proto__","delta":${text}}\n\n` +
      `data: {"type":"message_delta","delta":${text},"usage":${text}}\n\n` +
      `data: {"id":"x","choices":[${text},{"delta":${text}}]}\n\n` +
      `data: {"type":"response.completed","response":${text}}\n\n`,
  );
}

describe('hostile bodies', () => {
  it.each(corpus)('STR-21: %s neither fails nor pollutes any reader', (_, text) => {
    for (const path of paths) {
      const dialect = dialectOf(path)!;
      const facts = [
        understandAnswer(dialect, Buffer.from(text), 'application/json'),
        understandAnswer(dialect, asStream(text), 'text/event-stream'),
      ];
      for (const { usage, toolsCalled } of facts) {
        expect(Array.isArray(toolsCalled)).toBe(true);
        for (const count of Object.values(usage)) {
          if (typeof count === 'number') expect(Number.isSafeInteger(count)).toBe(true);
        }
      }
      expect(dialect.understandRequest(Buffer.from(text)).toolsDeclared.length).toBeLessThanOrEqual(4096);
    }
    expect(({} as { isPolluted?: unknown }).isPolluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('SEC-13: a usage count behind __proto__ is not a usage count', () => {
    const dialect = dialectOf('/v1/messages')!;
    const body = '{"type":"message","usage":{"__proto__":{"input_tokens":7}}}';
    expect(understandAnswer(dialect, Buffer.from(body), 'application/json').usage).toEqual({});
    const stream = `data: {"type":"message_start","message":{"usage":{"__proto__":{"input_tokens":7}}}}\n\n`;
    expect(understandAnswer(dialect, Buffer.from(stream), 'text/event-stream').usage).toEqual({});
  });

  it('STR-21: a million keys are read without keeping them all', () => {
    const keys = Array.from({ length: 1_000_000 }, (_, n) => `"k${n}":${n}`).join(',');
    const bytes = Buffer.from(`{${keys},"messages":[1,2],"model":"m"}`);
    const slices = sliceJson(bytes, new Set(['messages']))!;
    expect(slices.elements.get('messages')).toHaveLength(2);
    expect(slices.values.size).toBeLessThanOrEqual(10_001);
  });

  it('STR-21: of a list of millions only the first elements are told apart', () => {
    const bytes = Buffer.from(`{"messages":[${'0,'.repeat(1_000_000)}0],"model":"m"}`);
    const slices = sliceJson(bytes, new Set(['messages']))!;
    expect(slices.elements.get('messages')).toHaveLength(16_384);
    expect(slices.values.has('model')).toBe(true);
  });

  it('STR-21: what is nested more than a million deep is not looked through', () => {
    const nested = (depth: number) =>
      sliceJson(Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`), new Set());
    expect(nested(1_000_000)).toBeDefined();
    expect(nested(1_000_002)).toBeUndefined();
  });

  it.each(paths)('STR-21: the names of the tools of %s stay a short list, however many there are', (path) => {
    const dialect = dialectOf(path)!;
    const name = 'n'.repeat(256);
    const tools = Array.from({ length: 4_000 }, () => ({ name }));
    const declared = dialect.understandRequest(Buffer.from(JSON.stringify({ tools }))).toolsDeclared;
    expect(declared.join('').length).toBeLessThanOrEqual(64 * 1024);
    expect(declared.length).toBeGreaterThan(0);
    const answer = {
      content: tools.map(() => ({ type: 'tool_use', name })),
      choices: [{ message: { tool_calls: tools.map(() => ({ function: { name } })) } }],
      output: tools.map(() => ({ type: 'function_call', name })),
    };
    const called = dialect.understandMessage(JSON.stringify(answer)).toolsCalled;
    expect(called.join('').length).toBeLessThanOrEqual(64 * 1024);
    expect(called.length).toBeGreaterThan(0);
  });

  it('STR-21: a stream is read piece by piece, so its events are never all in memory', () => {
    const body = Buffer.alloc(7 * 100_000, 'data:\n\n');
    let events = 0;
    const dialect = {
      ...dialectOf('/v1/messages')!,
      createStreamReader: () => ({
        feed: () => {
          events += 1;
          body.fill('\n'); // What has not been looked at yet is gone now.
        },
        finish: () => dialectOf('/v1/messages')!.createStreamReader().finish(),
      }),
    };
    understandAnswer(dialect, body, 'text/event-stream');
    expect(events).toBeGreaterThan(0);
    expect(events).toBeLessThan(50_000);
  });

  it('SEC-21: work grows with the size of the input, not with its square', () => {
    const units: readonly ((n: number) => string)[] = [
      (n) => `{"messages":[${'[{"a":'.repeat(n)}`,
      (n) => `{"a":"${'\\"'.repeat(n)}`,
      (n) => `{${'"a":1,'.repeat(n)}"messages":[]}`,
      (n) => `{"messages":[${'1,'.repeat(n)}1]}`,
      (n) => 'data:\n'.repeat(n),
      (n) => ':\r'.repeat(n),
      (n) => '\r\n'.repeat(n),
    ];
    for (const unit of units) {
      const small = cost(unit(20_000));
      const large = cost(unit(160_000));
      // Eight times the input; a square would cost sixty-four times as much. Generous, because the machine is shared.
      expect(large).toBeLessThan(small * 8 * 5 + 50);
    }
  });
});

/** Processor time of the best of a few runs, in milliseconds: what others do on the machine hardly shows in it. */
function cost(text: string): number {
  const bytes = Buffer.from(text);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run += 1) {
    const before = process.cpuUsage();
    sliceJson(bytes, new Set(['messages']));
    const events: SseEvent[] = createSseReader().feed(bytes);
    expect(events.length).toBeGreaterThanOrEqual(0);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
