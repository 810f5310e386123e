import { crc32 } from 'node:zlib';
import { prose } from './agent-prose.ts';
import { seededRandom } from './seeded-random.ts';

/**
 * How a client of a steady load behaves. `kept`: on a connection that it keeps. `fresh`: on one of its own. `long`: a
 * stream of many events on a connection of its own. `leaving`: leaves when the answer has begun.
 */
export const steadyKinds = ['kept', 'fresh', 'long', 'leaving'] as const;
export type SteadyKind = (typeof steadyKinds)[number];

/** Names one exchange: what is sent and what is answered follows from it, so that neither has to be remembered. */
export type SteadyMarker = `${SteadyKind}-${string}`;

export function kindOf(marker: string): SteadyKind {
  return steadyKinds.find((kind) => marker.startsWith(`${kind}-`)) ?? 'fresh';
}

const pool = prose(seededRandom(7), 64 * 1024);

/** Made-up text that follows from the number. */
function text(number: number, length: number): string {
  const from = number % (pool.length - length);
  return pool.slice(from, from + length);
}

/** The body of a request: 0.4 to 2.4 kB. */
export function steadyRequest(marker: string): Buffer {
  const number = crc32(marker);
  const content = `${marker} ${text(number, 300 + (number % 2_000))}`;
  const messages = [{ role: 'user', content }];
  return Buffer.from(JSON.stringify({ model: 'claude-fake', max_tokens: 100, stream: true, messages }));
}

/** The events of an answer: about 1 to 3 kB. @param longEvents how many text events a long stream has */
export function steadyAnswer(marker: string, longEvents: number): string[] {
  const number = crc32(marker);
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = { id: `msg_${marker}`, role: 'assistant', model: 'claude-fake', content: [], usage };
  const events = [event('message_start', { message })];
  const deltas = kindOf(marker) === 'long' ? longEvents : 2 + (number % 5);
  for (let at = 1; at <= deltas; at += 1) {
    const delta = { type: 'text_delta', text: text(number + at * 997, 40 + ((number >>> 8) % 200)) };
    events.push(event('content_block_delta', { index: 0, delta }));
  }
  events.push(event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }));
  events.push(event('message_stop', {}));
  return events;
}
