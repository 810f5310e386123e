import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseReader, type SseEvent } from './sse.ts';

function read(stream: Buffer, cuts: readonly number[] = []): SseEvent[] {
  const reader = createSseReader();
  const events: SseEvent[] = [];
  let at = 0;
  for (const cut of [...cuts, stream.length]) {
    events.push(...reader.feed(Buffer.from(stream.subarray(at, cut))));
    at = cut;
  }
  const last = reader.finish();
  return last === undefined ? events : [...events, last];
}

const story = Buffer.from(
  [
    '\ufeffevent: first\ndata: {"größe":"✓"}\n\n',
    ': a comment\r\n',
    'event:second\r\ndata: one\r\ndata:two\r\nid: 7\r\n\r\n',
    'data\rdata: 🜁🜂\r\r',
    'retry: 10\nunknown: x\n\n',
    'event: nodata\n\n',
    'data: unfinished 🜃',
  ].join(''),
);

describe('a reader of server-sent events', () => {
  it('understands LF, CRLF and CR, a BOM, comments, fields without value and data of several lines', () => {
    expect(read(story).map(({ event, data }) => [event, data])).toEqual([
      ['first', '{"größe":"✓"}'],
      ['second', 'one\ntwo'],
      ['message', '\n🜁🜂'],
      ['nodata', ''],
      ['message', 'unfinished 🜃'],
    ]);
    expect(read(story)[1]!.id).toBe('7');
    expect(read(story).at(-1)!.isPartial).toBe(true);
  });

  it('STR-22: gives the same events for a cut at every byte and for every pair of neighbouring cuts', () => {
    const whole = read(story);
    for (let cut = 0; cut <= story.length; cut += 1) {
      expect(read(story, [cut])).toEqual(whole);
      expect(read(story, [cut, Math.min(cut + 1, story.length)])).toEqual(whole);
    }
    expect(read(story, [...story.keys()])).toEqual(whole);
  });

  it('STR-22: gives the same events for generated streams in generated slices', () => {
    const line = fc.oneof(
      fc.constantFrom('data: x', 'data:', 'event: e', ': c', 'id: 1', '', '', 'nonsense'),
      fc.string().map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
    );
    const stream = fc
      .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')))
      .map((lines) => Buffer.from(lines.map(([text, end]) => text + end).join('')));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(400)), (bytes, cuts) => {
        const inside = cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b);
        expect(read(bytes, inside)).toEqual(read(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('says where events begin and end', () => {
    const stream = Buffer.from('data: ab\n\n: ping\n\nevent: x\ndata: ä\n\n');
    const [first, second] = read(stream);
    expect(stream.toString('utf8', first!.startOffset, first!.endOffset)).toBe('data: ab\n\n');
    expect(stream.toString('utf8', second!.startOffset, second!.endOffset)).toBe('event: x\ndata: ä\n\n');
  });

  it('takes a line of a megabyte in small pieces without slowing down with its square', () => {
    const reader = createSseReader();
    const events: SseEvent[] = [];
    const piece = Buffer.alloc(1_000, 'x');
    events.push(...reader.feed(Buffer.from('data: ')));
    for (let n = 0; n < 1_000; n += 1) events.push(...reader.feed(piece));
    events.push(...reader.feed(Buffer.from('\n\n')));
    expect(events.map(({ data }) => data.length)).toEqual([1_000_000]);
  });

  it('cuts data beyond 32 MiB and says so', () => {
    const reader = createSseReader();
    const line = Buffer.concat([
      Buffer.from('data: '),
      Buffer.alloc(8 * 1024 * 1024, 'y'),
      Buffer.from('\n'),
    ]);
    for (let n = 0; n < 5; n += 1) expect(reader.feed(line)).toEqual([]);
    const [event] = reader.feed(Buffer.from('\ndata: next\n\n'));
    expect(event!.isCut).toBe(true);
    expect(event!.data.length).toBeLessThanOrEqual(33 * 1024 * 1024);
  });
});
