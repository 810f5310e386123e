import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RecorderStatus, Roster } from '#exchange';
import { makeTempDir, type TempDir } from '#test-support';
import type { CoreContext } from './core-context.ts';
import { health } from './health.ts';
import { ProviderHealth } from './provider-health.ts';
import { RecorderStatusReader } from './recorder-status.ts';
import type { WorkerStatus } from './worker-status.ts';

const nowMs = 1_000_000_000;

function contextSince(startedAtMs: number, journal: object = { healthy: true }): CoreContext {
  // The few parts that health looks at.
  return {
    config: { providers: [{ name: 'main', format: 'anthropic' }] },
    version: '1',
    generation: 3,
    worker: { number: 1, of: 2 },
    startedAtMs,
    journal: { state: () => journal },
    providerHealth: new ProviderHealth(),
    running: new Roster(),
    exchangesMax: 10,
    eventStreamEnds: new Set(),
    isDraining: false,
  } as unknown as CoreContext;
}

function seen(core: CoreContext, recorder: RecorderStatus | undefined, otherWorkers: WorkerStatus[] = []) {
  return health(core, { recorder, otherWorkers, nowMs });
}

const status = (patch: Partial<RecorderStatus>): RecorderStatus =>
  ({
    version: 1,
    atMs: nowMs,
    pid: 1,
    state: 'recording',
    lagMs: 0,
    lagBytes: 0,
    ...patch,
  }) as RecorderStatus;

describe('health', () => {
  const longAgo = contextSince(nowMs - 60_000);

  it('is fine while the recorder records, and when core runs alone', () => {
    expect(seen(longAgo, status({}))).toMatchObject({
      isHealthy: true,
      body: { database: 'connected' },
    });
    expect(seen(longAgo, undefined)).toMatchObject({
      isHealthy: true,
      body: { database: 'unknown' },
    });
  });

  it('is impaired when the recorder failed, waits for the store, was stopped or is gone', () => {
    for (const patch of [
      { state: 'failed', trouble: 'the disk is full' },
      { state: 'waiting-for-store' },
      { state: 'stopped', atMs: nowMs - 11_000 },
      { atMs: nowMs - 11_000 },
    ] as const) {
      expect(seen(longAgo, status(patch))).toMatchObject({
        isHealthy: false,
        body: { status: 'degraded', database: 'unavailable', forwarding: 'ok' },
      });
    }
    expect(seen(longAgo, status({ state: 'failed', trouble: 'the disk is full' })).body.degraded).toEqual([
      'recorder: the disk is full',
    ]);
  });

  it('gives a recorder time to start, and to take the place of another', () => {
    const fresh = contextSince(nowMs - 2_000);
    expect(seen(fresh, status({ atMs: nowMs - 3_600_000 })).isHealthy).toBe(true);
    expect(seen(fresh, status({ atMs: nowMs - 3_600_000, state: 'failed' })).isHealthy).toBe(true);
    expect(seen(longAgo, status({ atMs: nowMs - 5_000, state: 'stopped' })).isHealthy).toBe(true);
  });

  it('is impaired when a recorder that belongs to this core never gives a sign of life', () => {
    const expecting = (startedAtMs: number): CoreContext => {
      const core = contextSince(startedAtMs);
      return { ...core, config: { ...core.config, isRecorderExpected: true } };
    };
    expect(seen(expecting(nowMs - 2_000), undefined).isHealthy).toBe(true);
    expect(seen(expecting(nowMs - 60_000), undefined)).toMatchObject({
      isHealthy: false,
      body: { database: 'unavailable', recorder: null },
    });
  });

  it('is impaired when the journal cannot be written', () => {
    const core = contextSince(nowMs, { healthy: false, trouble: 'ENOSPC' });
    expect(seen(core, status({})).body).toMatchObject({
      status: 'degraded',
      degraded: ['journal: ENOSPC'],
    });
  });

  describe('with several workers', () => {
    const second = (patch: Partial<WorkerStatus>): WorkerStatus => ({
      version: 1,
      atMs: nowMs - 700,
      worker: 2,
      generation: 4,
      openExchanges: 5,
      openExchangesMax: 10,
      providers: {},
      metrics: '',
      ...patch,
    });

    it('is that of all of them, whichever is asked', () => {
      expect(seen(longAgo, status({}), [second({})]).body).toMatchObject({
        status: 'ok',
        worker: 1,
        exchanges: { open: 5, max: 20 },
        workers: [
          { worker: 1, generation: 3, age_ms: 0, open_exchanges: 0 },
          { worker: 2, generation: 4, age_ms: 700, open_exchanges: 5 },
        ],
      });
    });

    it('is impaired when one of them says nothing any more, or cannot write its journal', () => {
      expect(seen(longAgo, status({}), [second({ atMs: nowMs - 12_000 })])).toMatchObject({
        isHealthy: false,
        body: { degraded: ['worker 2: has said nothing for 12 s'] },
      });
      expect(seen(longAgo, status({}), [second({ journalTrouble: 'EIO /home/me/x' })])).toMatchObject({
        isHealthy: false,
        body: { degraded: ['worker 2: journal: EIO x'] },
      });
    });

    it('knows of a provider what one of them learned last', () => {
      const core = contextSince(nowMs - 60_000);
      core.providerHealth.failed('main', 'ECONNREFUSED');
      const answered = second({ providers: { main: { atMs: Date.now() + 1 } } });
      expect(seen(core, status({}), []).body).toMatchObject({ provider_health: [{ healthy: false }] });
      expect(seen(core, status({}), [answered]).body).toMatchObject({ provider_health: [{ healthy: true }] });
    });
  });
});

describe('RecorderStatusReader', () => {
  let dir: TempDir;
  beforeAll(() => {
    dir = makeTempDir('status');
    mkdirSync(dir.join('status'));
  });
  afterAll(() => dir.remove());

  it('reads what the recorder wrote, and takes anything else for no status', async () => {
    const path = join(dir.path, 'status', 'recorder.json');
    expect(await new RecorderStatusReader(dir.path).read()).toBeUndefined();
    for (const text of ['', '{"half', '[]', 'null', '{"atMs":"soon"}']) {
      writeFileSync(path, text);
      expect(await new RecorderStatusReader(dir.path).read()).toBeUndefined();
    }
    writeFileSync(path, JSON.stringify(status({})));
    expect(await new RecorderStatusReader(dir.path).read()).toMatchObject({ state: 'recording' });
  });

  it('remembers what it read when the file is damaged or gone', async () => {
    const path = join(dir.path, 'status', 'recorder.json');
    writeFileSync(path, JSON.stringify(status({})));
    const reader = new RecorderStatusReader(dir.path);
    await reader.read();
    for (const harm of [() => writeFileSync(path, ''), () => rmSync(path)]) {
      harm();
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_000);
      expect(await reader.read()).toMatchObject({ state: 'recording' });
      vi.restoreAllMocks();
    }
  });
});
