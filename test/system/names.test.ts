import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  askOnce,
  createNetworkNamespace,
  type FakeProvider,
  makeTempHome,
  type NameServer,
  type NetworkNamespace,
  type RawAnswer,
  startFakeProvider,
  startNameServer,
  startThroughlineInside,
  type TempHome,
  type Throughline,
  waitFor,
} from '#test-support';

// The name of the provider is looked up as on any machine, by the C library, in a network where a server of this test
// is the only one that knows names.
let namespace: NetworkNamespace;
let home: TempHome;
let names: NameServer;
/** Knows nothing and says nothing; asked first where a test says so. */
let deaf: NameServer;
/** Which servers the C library asks. */
let resolver: string;
/** Listens on one address of each family. */
let providers: readonly FakeProvider[];
let throughline: Throughline;

const alive = { v4: '127.0.0.3', v6: 'fd00::3' };
/** Nobody listens there: connections are refused. */
const refusing = { v4: '127.0.0.4', v6: 'fd00::4' };
/** What is sent there never arrives and nothing comes back. */
const blackhole = { v4: '10.99.0.5', v6: 'fd99::5' };
const port = 8080;
const answered = { body: ['{"data":[]}'] };

beforeAll(async () => {
  namespace = await createNetworkNamespace();
  home = makeTempHome('names');
  resolver = home.join('resolv.conf');
  writeFileSync(resolver, 'nameserver 127.0.0.1\n');
  const hosts = home.join('hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n');
  namespace.run(`mount --bind '${resolver}' /etc/resolv.conf; mount --bind '${hosts}' /etc/hosts`);
  // A cable with nobody at its other end, who is known so well that nobody is asked for.
  namespace.run(`
    ip -6 addr add ${alive.v6}/64 dev lo nodad
    ip -6 addr add ${refusing.v6}/64 dev lo nodad
    ip link add name hole type veth peer name bottom
    ip link set hole up; ip link set bottom up
    ip addr add 10.99.0.1/24 dev hole; ip -6 addr add fd99::1/64 dev hole nodad
    ip neigh add ${blackhole.v4} lladdr 02:00:00:00:00:05 dev hole
    ip -6 neigh add ${blackhole.v6} lladdr 02:00:00:00:00:05 dev hole`);
  names = startNameServer(await namespace.bindUdp('127.0.0.1', 53));
  deaf = startNameServer(await namespace.bindUdp('127.0.0.2', 53));
  deaf.answer = 'silent';
  providers = await Promise.all(
    [alive.v4, alive.v6].map(async (host) =>
      startFakeProvider({ socket: await namespace.listen(host, port) }),
    ),
  );
  for (const provider of providers) provider.respondWith({ ...answered, headers: [['connection', 'close']] });
  throughline = await startThroughlineInside(namespace, {
    command: 'core',
    providerOrigin: `http://provider.test:${port}`,
    home,
    config: {
      providers: { anthropic: { allow_http: true } },
      server: { timeouts: { upstream_connect: '6s' } },
    },
  });
});
beforeEach(() => {
  names.answer = 'unknown';
});
afterAll(async () => {
  await throughline?.stop();
  await Promise.all((providers ?? []).map((provider) => provider.close()));
  names?.close();
  deaf?.close();
  await namespace?.close();
  home?.remove();
});

const ask = (): Promise<RawAnswer> => askOnce(throughline.coreUrl, { target: '/v1/models' });

function expectOurError(answer: RawAnswer, cause: RegExp): void {
  expect(answer.status).toBe(502);
  expect(answer.header('x-throughline-problem')).toBe('upstream-unreachable');
  const body = JSON.parse(answer.body.toString());
  expect(body).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  expect(body.error.message).toMatch(cause);
}

describe('STR-18: the name of the provider', () => {
  it.each([
    ['does not exist', 'unknown', /ENOTFOUND provider\.test/],
    ['cannot be told', 'failing', /EAI_AGAIN provider\.test/],
  ] as const)('%s: a clear error, and all is well when it does again', async (_, answer, cause) => {
    names.answer = answer;
    expectOurError(await ask(), cause);
    names.answer = { v4: [alive.v4] };
    expect((await ask()).status).toBe(200);
  });

  it('moves to another address: the next connection goes there', async () => {
    names.answer = { v4: [refusing.v4] };
    expectOurError(await ask(), /ECONNREFUSED 127\.0\.0\.4/);
    names.answer = { v4: [alive.v4] };
    expect((await ask()).status).toBe(200);
    const before = providers[1]!.requests.length;
    names.answer = { v6: [alive.v6] };
    expect((await ask()).status).toBe(200);
    expect(providers[1]!.requests.length).toBe(before + 1);
  });

  it('is forgotten: a connection that stands is used on', async () => {
    names.answer = { v4: [alive.v4] };
    providers[0]!.respondOnceWith(answered);
    expect((await ask()).status).toBe(200);
    names.answer = 'unknown';
    expect((await ask()).status).toBe(200);
    expectOurError(await ask(), /ENOTFOUND/);
  });

  it.each([
    { v4: [refusing.v4, alive.v4] },
    { v4: [alive.v4, refusing.v4] },
    { v4: [refusing.v4], v6: [alive.v6] },
    { v4: [alive.v4], v6: [refusing.v6] },
    { v4: [alive.v4], v6: [blackhole.v6] },
    { v4: [blackhole.v4], v6: [alive.v6] },
    { v4: [blackhole.v4, alive.v4] },
    { v4: [alive.v4, refusing.v4], v6: [blackhole.v6, refusing.v6] },
  ])('has several addresses, and one of them answers: %j', async (answer) => {
    names.answer = answer;
    expect((await ask()).status).toBe(200);
  });

  it.each([
    [{ v4: [blackhole.v4] }, /no connection after 6000 ms/],
    [{ v4: [blackhole.v4], v6: [blackhole.v6] }, /no connection after 6000 ms/],
    [{ v4: [refusing.v4], v6: [refusing.v6] }, /ECONNREFUSED/],
  ])('has no address that answers: a clear error in bounded time: %j', async (answer, cause) => {
    names.answer = answer;
    expectOurError(await ask(), cause);
  });

  it('is asked of a server that never answers: every request ends, and all is well when it does', {
    timeout: 120_000,
  }, async () => {
    names.answer = 'silent';
    const asked = names.questions.length;
    const requests = Array.from({ length: 40 }, ask);
    await waitFor(() => names.questions.length > asked);
    expect((await askOnce(throughline.coreUrl, { target: '/readyz' })).status).toBe(200);
    for (const answer of await Promise.all(requests)) expectOurError(answer, /no connection after 6000 ms/);
    names.answer = { v4: [alive.v4] };
    await waitFor(async () => (await ask()).status === 200, { timeoutMs: 60_000 });
  });

  it('takes a second to look up: many that ask at once do not wait for each other', async () => {
    writeFileSync(resolver, 'nameserver 127.0.0.2\nnameserver 127.0.0.1\noptions timeout:1\n');
    names.answer = { v4: [alive.v4] };
    const answers = await Promise.all(Array.from({ length: 40 }, ask));
    expect(deaf.questions.length).toBeGreaterThan(0);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });
});
