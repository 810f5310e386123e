import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type FakeProvider,
  isRunning,
  startFakeProvider,
  startThroughline,
  type Throughline,
  waitFor,
} from '#test-support';

let provider: FakeProvider;
let throughline: Throughline;
let finishAnswer: () => void;
beforeAll(async () => {
  const finished = new Promise<void>((resolve) => {
    finishAnswer = resolve;
  });
  provider = await startFakeProvider();
  provider.respondWith({
    status: 200,
    headers: [['content-type', 'text/event-stream']],
    body: ['event: ping\ndata: {}\n\n', { until: finished }, 'event: message_stop\ndata: {}\n\n'],
  });
  throughline = await startThroughline({
    providerOrigin: provider.origin,
    config: { server: { timeouts: { drain: '30s' } } },
  });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
});

it('a killed supervisor cuts no stream and leaves no orphan behind', async () => {
  const pids = Object.values(throughline.pids());
  expect(pids).toHaveLength(3);
  const call = request(`${throughline.frontUrl}/v1/messages`, { method: 'POST' }).end('{}');
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await waitFor(() => text.includes('ping'));
  throughline.supervisor.child.kill('SIGKILL');
  await throughline.supervisor.exited;
  await waitFor(() => pids.filter(isRunning).length === 1, { what: 'the recorder and proxy-data to leave' });
  finishAnswer();
  await once(response, 'end');
  expect(text).toContain('message_stop');
  await waitFor(() => !pids.some(isRunning), { what: 'proxy-core to leave' });
});
