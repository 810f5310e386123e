import { expect, it } from 'vitest';
import { createEventReader } from './event-stream.ts';

const text =
  'id: 7\nevent: request-stored\ndata: {"a":1}\n\n: heartbeat\n\nevent: open\r\ndata: one\r\ndata: two\r\n\r\ndata:\n\n';
const events = [
  { event: 'request-stored', data: '{"a":1}', id: '7' },
  { event: 'open', data: 'one\ntwo', id: '7' },
  { event: 'message', data: '', id: '7' },
];

it('events are the same however their text is cut', () => {
  for (let cut = 0; cut <= text.length; cut += 1) {
    const reader = createEventReader();
    expect([...reader.feed(text.slice(0, cut)), ...reader.feed(text.slice(cut))]).toEqual(events);
  }
  const reader = createEventReader();
  expect([...text].flatMap((character) => reader.feed(character))).toEqual(events);
});

it('an event without an end is refused before it fills the memory', () => {
  const reader = createEventReader();
  expect(() => {
    for (let i = 0; i < 10; i += 1) reader.feed('x'.repeat(1024 * 1024));
  }).toThrow('too large');
});
