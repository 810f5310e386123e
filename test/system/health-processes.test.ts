import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createWitness,
  endProcess,
  type FakeProvider,
  makeTempHome,
  openRaw,
  ownCli,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempHome,
  type Throughline,
  type Witness,
  waitFor,
  witnessedAnswer,
} from '#test-support';
import { becomes, expectAlive, get } from './health-check.ts';

// What health checks say while a process hangs, keeps dying, leaves or is replaced.
let provider: FakeProvider;
let home: TempHome;
let throughline: Throughline;
let witness: Witness;

beforeEach(async () => {
  provider = await startFakeProvider();
  provider.respondWith((request) => witnessedAnswer(request));
  home = makeTempHome('health');
  throughline = await startThroughline({ providerOrigin: provider.origin, home });
  witness = createWitness(throughline.coreUrl, { seed: 980 });
  await witness.ask();
  await waitFor(async () => (await get(`${throughline.coreUrl}/health`)).text.includes('"connected"'));
});
afterEach(async () => {
  await throughline?.stop();
  await provider?.close();
  home?.remove();
});

describe('health', () => {
  it('is 503 while the recorder hangs', { timeout: 120_000 }, async () => {
    const pid = throughline.pids().recorder!;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(JSON.parse(await becomes(throughline.coreUrl, 503)).degraded).toEqual([
        'recorder: no recorder is running; records wait in the journal',
      ]);
      await expectAlive(throughline, witness);
      const data = await get(`${throughline.dataUrl}/health`);
      expect(data.status).toBe(200);
      expect(JSON.parse(data.text)).toMatchObject({ status: 'degraded', recorder: { state: 'not-running' } });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await becomes(throughline.coreUrl, 200);
  });

  it('is 503 while the recorder dies again and again before it stores anything', {
    timeout: 180_000,
  }, async () => {
    let isDeadly = true;
    const killing = (async () => {
      for (let killed: number | undefined; isDeadly; ) {
        const pid = await waitFor(() => !isDeadly || otherThan(killed), { timeoutMs: 60_000 });
        if (pid === true) break;
        killed = pid;
        process.kill(killed, 'SIGKILL');
      }
    })();
    await becomes(throughline.coreUrl, 503);
    await expectAlive(throughline, witness);
    isDeadly = false;
    await killing;
    await becomes(throughline.coreUrl, 200);
  });

  const otherThan = (pid: number | undefined): number | undefined => {
    const { recorder } = throughline.pids();
    return recorder === pid ? undefined : recorder;
  };

  it('stays 200 while every service is replaced', { timeout: 120_000 }, async () => {
    const seen: string[] = [];
    let isOver = false;
    const looking = (async () => {
      while (!isOver) {
        const { status, text } = await get(`${throughline.coreUrl}/health`);
        if (status !== 200) seen.push(text);
      }
    })();
    const before = throughline.pids();
    const restart = startNode(ownCli, ['restart', 'all', '--config', home.configFile], {
      env: { ...home.env, DATA_DIR: home.dataDir },
      input: '',
    });
    expect((await restart.exited).code, restart.stderr()).toBe(0);
    const after = throughline.pids();
    for (const service of ['core', 'recorder', 'data'] as const)
      expect(after[service]).not.toBe(before[service]);
    await witness.run(5, 1);
    isOver = true;
    await looking;
    expect(seen).toEqual([]);
    await becomes(throughline.coreUrl, 200);
  });

  it('shows a provider that cannot be reached and stays 200: it is not ours to repair', async () => {
    await provider.stopListening();
    for (const connection of provider.connections) connection.end();
    await waitFor(async () => (await witness.ask()).status === 502);
    const down = await get(`${throughline.coreUrl}/health`);
    expect(down.status).toBe(200);
    expect(JSON.parse(down.text)).toMatchObject({
      status: 'ok',
      provider_health: [{ name: 'anthropic', healthy: false }],
      providers: { anthropic: { last_error: expect.stringContaining('ECONNREFUSED') } },
    });
    for (const path of ['/readyz', '/livez'])
      expect((await get(`${throughline.coreUrl}${path}`)).status).toBe(200);
    await provider.listenAgain();
    await waitFor(async () => (await witness.ask()).isComplete);
    const up = JSON.parse((await get(`${throughline.coreUrl}/health`)).text);
    expect(up.provider_health).toEqual([{ name: 'anthropic', healthy: true }]);
  });

  it('of a core that leaves says so to whoever is still connected; liveness does not change', async () => {
    const idle = await openRaw(throughline.coreUrl);
    await idle.ask({ target: '/readyz' });
    const busy = await openRaw(throughline.coreUrl);
    const rest = Promise.withResolvers<void>();
    provider.respondOnceWith({ framing: 'chunked', body: ['begin', { until: rest.promise }, 'end'] });
    busy.sendRequest({ target: '/v1/models' });
    await waitFor(() => busy.received.includes('begin'));
    const ending = endProcess(throughline.supervisor, 30_000);
    const answer = await waitFor(async () => {
      const last = await idle.ask({ target: '/readyz' });
      return last.status === 503 ? last : undefined;
    });
    expect(answer.body.toString()).toBe('draining\n');
    expect(answer.header('connection')).toBe('close');
    rest.resolve();
    await ending;
    expect(busy.received.toString()).toContain('end');
  });
});
