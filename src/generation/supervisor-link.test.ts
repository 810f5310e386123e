import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type OwnProcess, startNode, waitFor } from '#test-support';
import type { FromService } from './messages.ts';
import { parseStartOrder } from './supervisor-link.ts';

const program = fileURLToPath(new URL('./leaving.fixture.ts', import.meta.url));
const order = {
  service: 'recorder',
  generation: 7,
  version: '1.2.3',
  listeners: [],
  config: { colour: 'blue' },
};

function supervised(args: string[] = [], env: Record<string, string> = {}) {
  const reports: FromService[] = [];
  const service = startNode(program, args, { env, input: 'ipc' });
  service.child.on('message', (message) => reports.push(message as FromService));
  service.child.send({ type: 'start', order });
  return { service, reports };
}

function said(service: OwnProcess, text: string): Promise<unknown> {
  return waitFor(() => service.stderr().includes(text), { what: () => `"${text}" in: ${service.stderr()}` });
}

describe('a supervised service', () => {
  it('receives its order, says that it is ready, and leaves when it is told to', async () => {
    const { service, reports } = supervised();
    await waitFor(() => reports.length > 0);
    expect(reports).toEqual([{ type: 'ready', generation: 7, version: '1.2.3', addresses: [] }]);
    expect(service.stderr()).toContain('order {"colour":"blue"}');
    service.child.send({ type: 'drain' });
    await said(service, 'drain\n');
    service.child.send({ type: 'stop' });
    expect(await service.exited).toEqual({ code: 0, signal: null });
  });

  it('hears that it was replaced, and later that everything stops, but not the other way round', async () => {
    const { service, reports } = supervised();
    await waitFor(() => reports.length > 0);
    service.child.send({ type: 'drain', reason: 'replaced' });
    await said(service, 'drain, replaced\n');
    service.child.send({ type: 'drain' });
    service.child.send({ type: 'drain', reason: 'replaced' });
    await said(service, 'drain\n');
    service.child.send({ type: 'stop' });
    await service.exited;
    expect(service.stderr().match(/drain.*/g)).toEqual(['drain, replaced', 'drain']);
  });

  it.each([
    ['says that it is there', {}, { type: 'pong' }],
    ['adds that it is debugged', { NODE_OPTIONS: '--inspect=0' }, { type: 'pong', isDebugged: true }],
  ])('%s when it is asked', async (_what, env: Record<string, string>, pong) => {
    const { service, reports } = supervised([], env);
    await waitFor(() => reports.length > 0);
    service.child.send({ type: 'ping' });
    await waitFor(() => reports.length > 1);
    expect(reports[1]).toEqual(pong);
    service.child.send({ type: 'stop' });
    await service.exited;
  });

  it('ends by itself when it drained and nothing is left to do', async () => {
    const { service, reports } = supervised(['leaves']);
    await waitFor(() => reports.length > 0);
    service.child.send({ type: 'drain' });
    expect(await service.exited).toEqual({ code: 0, signal: null });
  });

  it('takes the first signal as a wish to finish and the second as an order to go', async () => {
    const { service, reports } = supervised();
    await waitFor(() => reports.length > 0);
    service.child.kill('SIGTERM');
    await said(service, 'drain\n');
    expect(service.stderr()).not.toContain('stop');
    service.child.kill('SIGINT');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(service.stderr()).toContain('stop\n');
  });

  it('drains when its supervisor is gone', async () => {
    const { service, reports } = supervised(['leaves']);
    await waitFor(() => reports.length > 0);
    service.child.disconnect();
    await service.exited;
    expect(service.stderr()).toContain('drain\n');
  });

  it('gives up when its supervisor goes before it sent an order', async () => {
    const service = startNode(program, [], { env: {}, input: 'ipc' });
    service.child.disconnect();
    expect(await service.exited).toEqual({ code: 1, signal: null });
  });

  it('says what is wrong with an order', async () => {
    const reports: unknown[] = [];
    const service = startNode(program, [], { env: {}, input: 'ipc' });
    service.child.on('message', (message) => reports.push(message));
    service.child.send({ type: 'start', order: { ...order, listeners: 'front' } });
    await service.exited;
    expect(reports).toEqual([
      { type: 'failed', sentence: expect.stringContaining('listeners must be a list') },
    ]);
  });
});

describe('a service started by hand', () => {
  it('reads its order from standard input and reports on standard output', async () => {
    const service = startNode(program, [], { env: {}, input: JSON.stringify(order) });
    await waitFor(() => service.stdout().includes('\n'));
    expect(JSON.parse(service.stdout())).toEqual({
      type: 'ready',
      generation: 7,
      version: '1.2.3',
      addresses: [],
    });
    service.child.kill('SIGTERM');
    await said(service, 'drain\n');
    service.child.kill('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
  });

  it.each(['', 'rubbish', '[]', '{"service":"front"}'])('refuses %j as an order', async (input) => {
    const service = startNode(program, [], { env: {}, input });
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(JSON.parse(service.stdout()).type).toBe('failed');
  });
});

it.each([
  [null, 'not a JSON object'],
  [{ ...order, service: 'front' }, 'service must be'],
  [{ ...order, generation: '1' }, 'generation must be'],
  [{ ...order, version: undefined }, 'version must be'],
  [{ ...order, listeners: [{ purpose: 'front', host: '::1', port: 70_000 }] }, 'listeners must be'],
  [{ ...order, listeners: [{ purpose: 'front', host: '::1', port: 3000, fd: 1 }] }, 'listeners must be'],
  [{ ...order, worker: null }, 'worker must be'],
  [{ ...order, worker: { number: 3, of: 2 } }, 'worker must be'],
])('the order %j is refused because %s', (value, reason) => {
  expect(() => parseStartOrder(value)).toThrow(reason);
});
