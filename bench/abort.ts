import { once } from 'node:events';
import { connect } from 'node:net';
import { startCoreAlone, startFakeProvider, waitFor } from '#test-support';
import { builtProgram } from './built-program.ts';
import { option, printTable, quantile } from './measure.ts';

// From a client that hangs up in the middle of a stream to the provider seeing its connection closed.
// Options: --streams=300
const streams = option('streams', 300);
const firstEvent = 'event: ping\ndata: {"type":"ping"}\n\n';

const provider = await startFakeProvider();
provider.respondWith({
  headers: [['content-type', 'text/event-stream']],
  framing: 'chunked',
  body: [firstEvent],
  ending: 'stall',
});
const core = await startCoreAlone({ providerOrigin: provider.origin, program: builtProgram('core') });
try {
  const waitsMs: number[] = [];
  for (let index = 0; index < streams; index++) {
    const leftAtMs = await hangUp(`/v1/messages?n=${index}`);
    const request = provider.requests.at(-1)!;
    const closed = await waitFor(() => request.closed, { intervalMs: 1, what: 'the provider to be left' });
    waitsMs.push(Math.max(0, closed.atMs - leftAtMs));
  }
  printTable(`From a hang-up to the end of the connection to the provider, ${streams} streams`, [
    ['', 'ms', 'bar'],
    ['p50', quantile(waitsMs, 0.5), ''],
    ['p99', quantile(waitsMs, 0.99), ''],
    ['max', quantile(waitsMs, 1), '≤ 100'],
  ]);
} finally {
  await core.stop();
  await provider.close();
}

/** @returns when the connection was reset, on the clock of `performance.now()` */
async function hangUp(target: string): Promise<number> {
  const socket = connect({ port: core.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  );
  let received = '';
  while (!received.includes('ping')) received += String((await once(socket, 'data'))[0]);
  socket.resetAndDestroy();
  return performance.now();
}
