import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CoreConfig } from '#core-config';
import {
  askOnce,
  type FakeProvider,
  makeTempDir,
  openRaw,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';
import { createLog } from './log.ts';
import { type Core, startCore } from './start-core.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function fakeProvider(): Promise<FakeProvider> {
  const provider = await startFakeProvider();
  cleanups.push(() => provider.close());
  return provider;
}

function configFor(origin: string): CoreConfig {
  const temp = makeTempDir('core');
  cleanups.push(temp.remove);
  return {
    version: 1,
    dataDir: temp.path,
    journal: {
      directory: temp.join('journal'),
      pendingBytesMax: 1_000_000,
      segmentBytesMax: 1_000_000,
      segmentAgeMsMax: 60_000,
      durability: 'process',
      fsyncIntervalMs: 100,
      quotaBytes: 10_000_000,
      ballastBytes: 0,
      bodyBytesMax: 1_000_000,
    },
    limits: { headBytesMax: 65_536, headerFieldsMax: 200, requestBytesMax: 0, pipedRequestsMax: 2 },
    timeouts: {
      clientHeadMs: 15_000,
      clientBodyIdleMs: 60_000,
      keepAliveMs: 75_000,
      upstreamConnectMs: 300,
      upstreamFirstByteMs: 60_000,
      upstreamIdleMs: 60_000,
      drainMs: 5_000,
    },
    access: {
      allowedHosts: [],
      allowedOrigins: [],
      tokenRequired: false,
      token: 'some-token',
      checkPeerUser: true,
    },
    providers: [{ name: 'anthropic', format: 'anthropic', origin, basePath: '/base' }],
    defaultProvider: 'anthropic',
  };
}

async function startHere(config: CoreConfig, port = 0): Promise<{ core: Core; url: string }> {
  const listeners = [{ purpose: 'core', host: '127.0.0.1', port }];
  const core = await startCore(
    { generation: 1, version: '1.2.3', listeners, config },
    { log: createLog(() => undefined) },
  );
  cleanups.push(() => core.stop());
  return { core, url: `http://127.0.0.1:${core.addresses[0]!.port}` };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const post = { method: 'POST', target: '/v1/messages?beta=true', body: '{}' };

describe('the address of the provider', () => {
  it('has its base path in front and the tag taken off', async () => {
    const provider = await fakeProvider();
    const { url } = await startHere(configFor(provider.origin));
    await askOnce(url, { ...post, target: '/p/my.project-1/v1/messages?beta=true' });
    expect(provider.requests[0]!.target).toBe('/base/v1/messages?beta=true');
    expect(provider.requests[0]!.header('host')).toBe(`127.0.0.1:${provider.port}`);
  });

  it('SEC-08: may not be this Throughline itself, under whatever name', async () => {
    const port = await freePort();
    const { url } = await startHere(configFor(`http://localhost:${port}`), port);
    const answer = await askOnce(url, post);
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain('this Throughline itself');
  });

  it('that nobody listens on is a 502 which says so, and health remembers it until the next answer', async () => {
    const port = await freePort();
    const { url } = await startHere(configFor(`http://127.0.0.1:${port}`));
    const answer = await askOnce(url, post);
    expect(answer.status).toBe(502);
    expect(answer.header('x-throughline-problem')).toBe('upstream-unreachable');
    expect(answer.body.toString()).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    const health = JSON.parse((await askOnce(url, { target: '/health' })).body.toString());
    expect(health.provider_health).toEqual([{ name: 'anthropic', healthy: false }]);
    expect(health.status).toBe('ok');
  });

  it('STR-17: a TLS handshake that never ends is a 502 after the connect limit', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sockets: { destroy(): void }[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as { port: number };
    const { url } = await startHere(configFor(`https://127.0.0.1:${port}`));
    const answer = await askOnce(url, post);
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain('no connection after 300 ms');
  });

  it('STR-17: plain HTTP where TLS is configured is a 502, never a downgrade', async () => {
    const provider = await fakeProvider();
    const { url } = await startHere(configFor(provider.origin.replace('http:', 'https:')));
    const answer = await askOnce(url, post);
    expect(answer.status).toBe(502);
    expect(provider.requests).toEqual([]);
  });
});

describe('credentials', () => {
  it('of the configuration replace those of the client', async () => {
    const provider = await fakeProvider();
    const config = configFor(provider.origin);
    const { url } = await startHere({
      ...config,
      providers: [{ ...config.providers[0]!, apiKey: 'sk-ours' }],
    });
    const headers: [string, string][] = [
      ['x-api-key', 'sk-theirs'],
      ['Authorization', 'Bearer theirs'],
    ];
    await askOnce(url, { ...post, headers });
    expect(provider.requests[0]!.header('x-api-key')).toBe('sk-ours');
    expect(provider.requests[0]!.header('authorization')).toBeUndefined();
  });

  it('of the client pass when none is configured, and the token of this proxy never does', async () => {
    const provider = await fakeProvider();
    const config = configFor(provider.origin);
    const { url } = await startHere({ ...config, access: { ...config.access, tokenRequired: true } });
    expect((await askOnce(url, post)).status).toBe(401);
    const headers: [string, string][] = [
      ['x-throughline-token', 'some-token'],
      ['Authorization', 'Bearer theirs'],
    ];
    expect((await askOnce(url, { ...post, headers })).status).toBe(200);
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]!.header('authorization')).toBe('Bearer theirs');
    expect(provider.requests[0]!.header('x-throughline-token')).toBeUndefined();
  });
});

describe('the descriptors of a core', () => {
  it('are shared by all its listeners: a flood on one leaves the others their bound', async () => {
    const provider = await fakeProvider();
    const listeners = ['front', 'core'].map((purpose) => ({ purpose, host: '127.0.0.1', port: 0 }));
    const core = await startCore(
      { generation: 1, version: '1.2.3', listeners, config: configFor(provider.origin) },
      { log: createLog(() => undefined), descriptorsMax: 100 },
    );
    cleanups.push(() => core.stop());
    const [front, other] = core.addresses.map(({ port }) => `http://127.0.0.1:${port}`);
    const clients = await Promise.all(Array.from({ length: 16 }, () => openRaw(front!)));
    expect((await clients[15]!.ask({ target: '/livez' })).status).toBe(200);
    await (await openRaw(other!)).waitForEnd();
    clients[0]!.close();
    await waitFor(() =>
      askOnce(other!, { target: '/livez' }, 500).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    for (const client of clients) client.close();
  });
});

describe('a drain', () => {
  it('accepts nothing new, ends what is open, says Connection: close and resolves', async () => {
    const provider = await fakeProvider();
    const { core, url } = await startHere(configFor(provider.origin));
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const streaming = await openRaw(url);
    const idle = await openRaw(url);
    await idle.ask(post);
    provider.respondOnceWith({ body: ['begin', { until: gate }, 'end'], framing: 'chunked' });
    streaming.sendRequest(post);
    await waitFor(() => streaming.received.includes('begin'));
    const drained = core.drain();
    await expect(openRaw(url)).rejects.toThrow(/ECONNREFUSED/);
    const late = await idle.ask(post);
    expect(late.status).toBe(200);
    expect(late.header('connection')).toBe('close');
    expect(core.openExchanges()).toBe(1);
    release();
    expect((await streaming.answer()).body.toString()).toBe('beginend');
    await drained;
    expect(core.openExchanges()).toBe(0);
  });

  it('is over soon when only idle connections are left', async () => {
    const provider = await fakeProvider();
    const { core, url } = await startHere(configFor(provider.origin));
    const idle = await openRaw(url);
    await idle.ask(post);
    await core.drain();
    await idle.waitForEnd();
  });

  it('waits a moment for clients that were let in and have not asked yet', async () => {
    const provider = await fakeProvider();
    const { core, url } = await startHere(configFor(provider.origin));
    const fresh = await openRaw(url);
    // Let in after it, so both are.
    await (await openRaw(url)).ask(post);
    const drained = core.drain();
    const isOver = await Promise.race([drained.then(() => true), fresh.waitForEnd(200).catch(() => false)]);
    expect(isOver).toBe(false);
    fresh.close();
    await drained;
  });

  it('leaves idle connections open when another generation serves, and answers what they still ask', async () => {
    const provider = await fakeProvider();
    const { core, url } = await startHere(configFor(provider.origin));
    const idle = await openRaw(url);
    await idle.ask(post);
    const drained = core.drain('replaced');
    const isOver = await Promise.race([drained.then(() => true), idle.waitForEnd(700).catch(() => false)]);
    expect(isOver).toBe(false);
    const late = await idle.ask(post);
    expect([late.status, late.header('connection')]).toEqual([200, 'close']);
    expect(await idle.waitForEnd()).toBe('fin');
    await drained;
  });

  it('of a replaced core is bounded again when everything stops', async () => {
    const provider = await fakeProvider();
    const { core, url } = await startHere(configFor(provider.origin));
    const idle = await openRaw(url);
    await idle.ask(post);
    const drained = core.drain('replaced');
    await core.drain('stop');
    await drained;
    await idle.waitForEnd();
  });

  it('has an end: what is open after the limit is cut', async () => {
    const provider = await fakeProvider();
    const config = configFor(provider.origin);
    const { core, url } = await startHere({ ...config, timeouts: { ...config.timeouts, drainMs: 200 } });
    provider.respondOnceWith({
      body: ['begin', { until: new Promise(() => undefined) }],
      framing: 'chunked',
    });
    const client = await openRaw(url);
    client.sendRequest(post);
    await waitFor(() => client.received.includes('begin'));
    await core.drain();
    expect((await client.answer()).isComplete).toBe(false);
  });

  it('leaves no process behind when it was told to by a signal or has lost its supervisor', async () => {
    const provider = await fakeProvider();
    for (const order of ['signal', 'disconnect'] as const) {
      const alone = await startCoreAlone({ providerOrigin: provider.origin });
      cleanups.push(() => alone.stop());
      if (order === 'signal') alone.process.child.kill('SIGTERM');
      else alone.process.child.disconnect();
      const exit = await waitFor(() => alone.process.exit(), { what: `core to leave after ${order}` });
      expect(exit.code).toBe(0);
    }
  });
});

describe('what core answers itself', () => {
  it('tells health in the keys clients know, without a path of this machine', async () => {
    const provider = await fakeProvider();
    const { url } = await startHere(configFor(provider.origin));
    for (const target of ['/health', '/v1/health']) {
      const answer = await askOnce(url, { target });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        status: 'ok',
        service: 'proxy-core',
        version: '1.2.3',
        generation: 1,
        providers: { anthropic: { healthy: true } },
        provider_health: [{ name: 'anthropic', healthy: true }],
        journal: { healthy: true },
        exchanges: { open: 0 },
      });
      expect(answer.body.toString()).not.toContain('/tmp');
    }
    expect(provider.requests).toEqual([]);
  });

  it('counts what happened in the text format of Prometheus', async () => {
    const provider = await fakeProvider();
    const { url } = await startHere(configFor(provider.origin));
    await askOnce(url, post);
    await askOnce(url, { target: '/v1/x', headers: [['Host', 'evil.example']] });
    const text = await waitFor(async () => {
      const { body } = await askOnce(url, { target: '/metrics' });
      return body.includes('throughline_requests_total{status="2xx"} 1') && body.toString();
    });
    expect(text).toContain('throughline_refused_total{problem="bad-host"} 1');
    expect(text).toMatch(/throughline_journal_frames_total \d+/);
    expect(text).toContain('throughline_exchange_seconds_count 1');
  });

  it('answers probes, and 404 for everything it does not serve', async () => {
    const provider = await fakeProvider();
    const { url } = await startHere(configFor(provider.origin));
    expect((await askOnce(url, { method: 'HEAD', target: '/' })).status).toBe(200);
    expect((await askOnce(url, { target: '/livez' })).body.toString()).toBe('ok\n');
    expect((await askOnce(url, { target: '/readyz' })).status).toBe(200);
    for (const target of ['/', '/api/requests', '/v1', '/v2/x', '/p//v1/x', '/health/']) {
      const status = (await askOnce(url, { target })).status;
      expect([target, status]).toEqual([target, target === '/p//v1/x' ? 400 : 404]);
    }
    expect(provider.requests).toEqual([]);
  });
});

describe('a core that cannot start', () => {
  it('says why when its port is taken or its configuration is of another version', async () => {
    const provider = await fakeProvider();
    const config = configFor(provider.origin);
    const { core } = await startHere(config);
    await expect(startHere(configFor(provider.origin), core.addresses[0]!.port)).rejects.toThrow(
      /EADDRINUSE/,
    );
    const newer = { ...config, version: 2 } as unknown as CoreConfig;
    await expect(startHere(newer)).rejects.toThrow(/understands configuration 1, not 2/);
  });
});
