import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  makeTempDir,
  makeTempHome,
  startCoreAlone,
  startFakeProvider,
  type TempDir,
  type TempHome,
  waitFor,
} from '#test-support';
import { joinMetrics } from './join-metrics.ts';
import { readOtherWorkers } from './other-workers.ts';

describe('two workers with one data directory', () => {
  let provider: FakeProvider;
  let home: TempHome;
  let workers: CoreAlone[];
  beforeAll(async () => {
    provider = await startFakeProvider();
    provider.respondWith({ status: 200, body: ['{}'] });
    home = makeTempHome('workers');
    const start = (number: number): Promise<CoreAlone> =>
      startCoreAlone({
        providerOrigin: provider.origin,
        home,
        worker: { number, of: 2 },
        listeners: [{ purpose: 'front', host: '127.0.0.1' }],
        config: { dataAddress: { host: '127.0.0.1', port: provider.port } },
      });
    workers = [await start(1), await start(2)];
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    home.remove();
    await provider.close();
  });

  const page = async (worker: CoreAlone, target: string): Promise<string> =>
    (await askOnce(worker.url, { target })).body.toString();

  it('each tell on /metrics what both count, each line with its worker, and the recorder once', async () => {
    for (const target of ['/v1/models', '/v1/models', '/v1/nothing']) await page(workers[0]!, target);
    await page(workers[1]!, '/v1/models');
    for (const worker of workers) {
      const text = await waitFor(async () => {
        const metrics = await page(worker, '/metrics');
        const isTold =
          metrics.includes('throughline_exchanges_seen_total{worker="1"} 3') &&
          metrics.includes('throughline_exchanges_seen_total{worker="2"} 1');
        return isTold ? metrics : undefined;
      });
      expect(text.match(/^# TYPE throughline_exchanges_seen_total/gm)).toHaveLength(1);
      expect(text).toContain('throughline_exchange_seconds_count{worker="2"} 1');
      expect(text).toContain('throughline_exchange_seconds_bucket{worker="1",le="+Inf"} 3');
      expect(text).toContain('throughline_requests_total{worker="1",status="2xx"} 3');
      expect(text.match(/^throughline_recorder_up 0$/gm)).toHaveLength(1);
      expect(text).toContain('throughline_workers 2');
      expect(text).toMatch(/^throughline_worker_status_age_seconds\{worker="2"\} [\d.]+$/m);
    }
  });

  it('each answer /health for both', async () => {
    for (const [index, worker] of workers.entries()) {
      const health = await waitFor(async () => {
        const body = JSON.parse(await page(worker, '/health'));
        return body.workers.length === 2 ? body : undefined;
      });
      expect(health).toMatchObject({ status: 'ok', worker: index + 1, degraded: [] });
      expect(health.exchanges.max).toBeGreaterThan(8);
    }
  });
});

describe('joinMetrics', () => {
  it('keeps the lines of one name together, and takes nothing that is no line', () => {
    const first = '# HELP a Of a.\n# TYPE a counter\na 1\na{x="y"} 2\n# HELP b Of b.\n# TYPE b gauge\nb 3\n';
    const second = '# HELP b Of b.\n# TYPE b gauge\nb 4\nb{\nevil line here\n# HELP c New.\nc NaN\n';
    expect(
      joinMetrics([
        { worker: 1, metrics: first },
        { worker: 2, metrics: second },
      ]).split('\n'),
    ).toEqual([
      ...['# HELP a Of a.', '# TYPE a counter', 'a{worker="1"} 1', 'a{worker="1",x="y"} 2', ''],
      ...['# HELP b Of b.', '# TYPE b gauge', 'b{worker="1"} 3', 'b{worker="2"} 4', ''],
      ...['# HELP c New.', 'c{worker="2"} NaN', ''],
    ]);
  });
});

describe('readOtherWorkers', () => {
  let dir: TempDir;
  beforeAll(() => {
    dir = makeTempDir('others');
    mkdirSync(dir.join('status'));
  });
  afterAll(() => dir.remove());

  const good = {
    version: 1,
    atMs: 1_000,
    worker: 2,
    generation: 1,
    openExchanges: 0,
    openExchangesMax: 8,
    providers: { main: { atMs: 1 } },
    metrics: '',
  };
  const read = (sinceMs = 0) => readOtherWorkers(dir.path, { worker: { number: 1, of: 2 }, sinceMs });

  it('takes what a worker wrote, unless that was before this one began', async () => {
    expect(await read()).toEqual([]);
    writeFileSync(dir.join('status', 'core-2.json'), JSON.stringify(good));
    writeFileSync(dir.join('status', 'core-3.json'), JSON.stringify({ ...good, worker: 3 }));
    expect(await read()).toEqual([good]);
    expect(await read(1_001)).toEqual([]);
  });

  it.each([
    '',
    '[]',
    '{"atMs":1}',
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, worker: 1 }),
    JSON.stringify({ ...good, openExchanges: '1' }),
    JSON.stringify({ ...good, providers: null }),
    JSON.stringify({ ...good, providers: { main: null } }),
    JSON.stringify({ ...good, metrics: 7 }),
    JSON.stringify({ ...good, metrics: 'x'.repeat(70_000) }),
  ])('takes nothing else for a worker: %#', async (text) => {
    writeFileSync(dir.join('status', 'core-2.json'), text);
    expect(await read()).toEqual([]);
  });
});
