import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, runServer } from './testing/running-server.ts';

let data: RunningServer;
beforeEach(async () => {
  data = await runServer();
});
afterEach(() => data[Symbol.asyncDispose]());

/** An event stream that a front hands over, and what ends it. */
async function listen(max: number) {
  const left = new AbortController();
  const answer = await data.get('/api/v2/events', {
    headers: { 'x-throughline-piped': `events ${max}`, accept: 'text/event-stream' },
    signal: left.signal,
  });
  return { answer, leave: () => left.abort() };
}

const ask = (piped: string) => data.get('/livez', { headers: { 'x-throughline-piped': piped } });

describe('what fronts hand over', () => {
  it('is bounded by what they name, over all of them, and one that leaves makes room', async () => {
    const streams = [await listen(2), await listen(2)];
    expect(streams.map(({ answer }) => answer.status)).toEqual([200, 200]);
    const { answer } = await listen(2);
    expect([answer.status, answer.headers.get('x-throughline-piped')]).toEqual([503, 'full']);
    expect(answer.headers.get('retry-after')).toBe('1');
    // Other kinds have a bound of their own, and who comes directly has none.
    expect((await ask('requests 1')).status).toBe(200);
    expect((await data.get('/livez')).status).toBe(200);
    streams[0]!.leave();
    let again = await listen(2);
    while (again.answer.status === 503) again = await listen(2);
    again.leave();
    streams[1]!.leave();
  });

  it.each(['events', 'requests -1', 'requests 1e9', 'all 1', ''])('is not bounded by %j', async (piped) => {
    expect((await ask(piped)).status).toBe(200);
  });
});
