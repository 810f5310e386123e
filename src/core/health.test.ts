import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecorderStatus } from '#exchange';
import { makeTempDir, type TempDir } from '#test-support';
import type { CoreContext } from './core-context.ts';
import { health } from './health.ts';
import { ProviderHealth } from './provider-health.ts';
import { RecorderStatusReader } from './recorder-status.ts';

const nowMs = 1_000_000_000;

function contextSince(startedAtMs: number, journal: object = { healthy: true }): CoreContext {
  // The few parts that health looks at.
  return {
    config: { providers: [{ name: 'main', format: 'anthropic' }] },
    version: '1',
    generation: 3,
    startedAtMs,
    journal: { state: () => journal },
    providerHealth: new ProviderHealth(),
    running: new Set(),
    exchangesMax: 10,
    eventStreamEnds: new Set(),
    isDraining: false,
  } as unknown as CoreContext;
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
    expect(health(longAgo, status({}), nowMs)).toMatchObject({
      isHealthy: true,
      body: { database: 'connected' },
    });
    expect(health(longAgo, undefined, nowMs)).toMatchObject({
      isHealthy: true,
      body: { database: 'unknown' },
    });
  });

  it('is impaired when the recorder failed, waits for the store, was stopped or is gone', () => {
    for (const patch of [
      { state: 'failed', trouble: 'the disk is full' },
      { state: 'waiting-for-store' },
      { state: 'stopped' },
      { atMs: nowMs - 11_000 },
    ] as const) {
      expect(health(longAgo, status(patch), nowMs)).toMatchObject({
        isHealthy: false,
        body: { status: 'degraded', database: 'unavailable', forwarding: 'ok' },
      });
    }
    expect(
      health(longAgo, status({ state: 'failed', trouble: 'the disk is full' }), nowMs).body.degraded,
    ).toEqual(['recorder: the disk is full']);
  });

  it('gives a recorder time to start', () => {
    const fresh = contextSince(nowMs - 2_000);
    expect(health(fresh, status({ atMs: nowMs - 3_600_000 }), nowMs).isHealthy).toBe(true);
  });

  it('is impaired when the journal cannot be written', () => {
    const core = contextSince(nowMs, { healthy: false, trouble: 'ENOSPC' });
    expect(health(core, status({}), nowMs).body).toMatchObject({
      status: 'degraded',
      degraded: ['journal: ENOSPC'],
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
});
