import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type BadLink,
  createBadLink,
  createNetworkNamespace,
  createWitness,
  type FakeProvider,
  makeTempHome,
  type NetworkNamespace,
  openRaw,
  recordFaults,
  startFakeProvider,
  startThroughlineInside,
  type TempHome,
  type Throughline,
  waitFor,
  witnessedAnswer,
} from '#test-support';

// Between proxy-core and its provider lies a network at the end of the world.
let near: NetworkNamespace;
let far: NetworkNamespace;
let link: BadLink;
let home: TempHome;
let provider: FakeProvider;
let throughline: Throughline;
const config = {
  providers: { anthropic: { allow_http: true } },
  // Whoever loses the first packets of a connection often enough may wait longer than by default.
  server: { timeouts: { upstream_connect: '40s' } },
};
const bad = { delayMs: 300, lost: 0.05, overtaken: 0.1 };

beforeAll(async () => {
  [near, far] = await Promise.all([createNetworkNamespace(), createNetworkNamespace()]);
  link = await createBadLink([near, far], { ...bad, mtu: 576 });
  provider = await startFakeProvider({ socket: await far.listen(link.addresses[1], 8080) });
  home = makeTempHome('network');
  // A second address, which swallows everything.
  near.run('ip route add 10.99.0.0/24 dev cable');
  const hosts = home.join('hosts');
  writeFileSync(hosts, `127.0.0.1 localhost\n${link.addresses[1]} provider.test\n10.99.0.5 provider.test\n`);
  near.run(`mount --bind '${hosts}' /etc/hosts`);
  throughline = await startThroughlineInside(near, {
    providerOrigin: `http://${link.addresses[1]}:8080`,
    home,
    config,
  });
});
afterAll(async () => {
  await throughline?.stop();
  await provider?.close();
  await link?.close();
  await Promise.all([near, far].map((namespace) => namespace?.close()));
  home?.remove();
});

describe('STR-16: with 300 ms delay each way, 5 % loss, reordering and an MTU of 576', () => {
  it('requests and streams arrive unchanged and are recorded so', { timeout: 180_000 }, async () => {
    provider.respondWith((request) => witnessedAnswer(request));
    const witness = createWitness(throughline.frontUrl, { seed: 1_600, requestBytes: [500, 6_000] });
    await witness.run(16, 8);
    expect(witness.seen.filter(({ isComplete, status }) => !isComplete || status !== 200)).toEqual([]);
    expect(await recordFaults(throughline, witness.seen)).toEqual([]);
    console.log(`of ${link.carried} packets ${link.lost} were lost and ${link.overtaken} overtaken`);
    expect(link.lost).toBeGreaterThan(0);
    expect(link.overtaken).toBeGreaterThan(0);
    expect(link.largestBytes).toBe(576);
  });

  it('every event arrives before the next one is sent', { timeout: 180_000 }, async () => {
    const client = await openRaw(throughline.frontUrl);
    const events = ['event: first\n\n', 'event: second\n\n', 'event: third\n\n'];
    const arrived = (event: string) => ({
      until: waitFor(() => client.received.includes(event), { timeoutMs: 60_000, what: event }),
    });
    provider.respondWith(() => ({
      framing: 'chunked',
      body: events.flatMap((event) => [event, arrived(event)]),
    }));
    await client.ask({ target: '/v1/models' }, 120_000);
    expect(client.answers[0]).toMatchObject({ status: 200, isComplete: true });
    expect(client.answers[0]?.body.toString()).toBe(events.join(''));
    client.close();
  });

  it('an address that answers late is not given up for one that never does', {
    timeout: 120_000,
  }, async () => {
    link.quality = { ...bad, lost: 0, overtaken: 0 };
    await using another = await startThroughlineInside(near, {
      command: 'core',
      providerOrigin: 'http://provider.test:8080',
      config: { providers: config.providers },
    });
    provider.respondWith({ body: ['{}'] });
    const reach = async () => (await askOnce(another.coreUrl, { target: '/v1/models' })).status === 200;
    await waitFor(reach, { timeoutMs: 60_000, what: 'the provider to be reached' });
    link.quality = bad;
  });
});
