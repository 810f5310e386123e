import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeProvider, type Throughline, waitFor } from '#test-support';
import {
  copyRelease,
  runCommand,
  startWitnessed,
  stateOf,
  type WitnessedThroughline,
} from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// Releases that are broken in every way a release can be: whoever tries to upgrade to one is told why not, and so is
// whoever looks at the status afterwards. Clients see nothing of it.
let witnessed: WitnessedThroughline | undefined;
let provider: FakeProvider;
let throughline: Throughline;
beforeAll(async () => {
  witnessed = await startWitnessed({ longPauseMsMax: 1_000 });
  ({ provider, throughline } = witnessed);
});
afterAll(() => witnessed?.close());

const core = () => stateOf(throughline).services.find(({ service }) => service === 'core');

/** A release 9.9.9 whose proxy-core is changed; everything else is as it was. */
function brokenRelease(change: (source: string) => string) {
  const release = copyRelease();
  const edit = (file: string, edited: (text: string) => string): void => {
    const before = readFileSync(release.join(file), 'utf8');
    const after = edited(before);
    expect(after).not.toBe(before);
    writeFileSync(release.join(file), after);
  };
  edit('package.json', (text) => text.replace(/"version": "[^"]+"/, '"version": "9.9.9"'));
  edit('src/core/main.ts', change);
  return release;
}

it.each<[string, string, (source: string) => string, RegExp]>([
  [
    'UPG-03',
    'has a syntax error',
    (source) => `${source}\nconst = 1;\n`,
    /ended before it was ready \(exit code 1: SyntaxError.*\)/,
  ],
  [
    'UPG-03',
    'throws while it is loaded',
    (source) => source.replace('prepareProcess();', "throw new Error('the moon is full');"),
    /ended before it was ready \(exit code 1: Error: the moon is full\)/,
  ],
  [
    'UPG-03',
    'never becomes ready',
    (source) => source.replace('reportReady(core.addresses);', ''),
    /was not ready after 30 s/,
  ],
  [
    'UPG-04',
    'listens elsewhere',
    (source) =>
      source.replace(
        'reportReady(core.addresses)',
        'reportReady(core.addresses.map((one) => ({ ...one, port: one.port + 1 })))',
      ),
    /listens on front 127\.0\.0\.1:\d+, .* instead of front 127\.0\.0\.1:\d+/,
  ],
])(
  '%s: a release whose core %s is not taken, the old one serves on, and the status says why',
  async (_id, _how, change, reason) => {
    using release = brokenRelease(change);
    const before = core();
    const kept = new StrictClients(throughline.frontUrl, `kept-${before?.generation}`).start(3, 20);
    const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(3);
    await waitFor(() => kept.seen.length > 5);
    const upgraded = await runCommand(throughline, ['upgrade', 'core'], { cli: release.cli });
    expect(upgraded.code).toBe(1);
    expect(upgraded.stdout).toMatch(/✖ core +goes on as before: the new process /);
    expect(upgraded.stdout).toMatch(reason);

    const status = await runCommand(throughline, ['status']);
    expect(status.code).toBe(0);
    const { pid, generation, version } = before ?? {};
    expect(status.stdout).toMatch(
      new RegExp(`✔ core +ready, pid ${pid}, generation ${generation}, version ${version},`),
    );
    expect(status.stdout).toContain('last replacement failed: ');
    expect(status.stdout).toMatch(reason);
    const asked = kept.seen.length;
    await waitFor(() => kept.seen.length > asked + 5);
    await Promise.all([kept.stop(), streams.stop()]);
    expect([...kept.failures, ...streams.failures]).toEqual([]);
  },
  180_000,
);

it('UPG-03: a release whose index cannot work is not taken: the old one answers on, and traffic notices nothing', async () => {
  using release = brokenRelease((source) => `${source}\n`);
  const index = release.join('src/store/sqlite/text-index.ts');
  writeFileSync(index, readFileSync(index, 'utf8').replaceAll('fts5(', 'fts55('));
  const data = () => stateOf(throughline).services.find(({ service }) => service === 'data');
  const before = { core: core()?.pid, data: data()?.pid };
  const kept = new StrictClients(throughline.frontUrl, 'kept-index').start(3, 20);
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(3);
  await waitFor(() => kept.seen.length > 5);
  const upgraded = await runCommand(throughline, ['upgrade', 'data'], { cli: release.cli });
  expect(upgraded.code).toBe(1);
  const reason = 'The SQLite of this installation cannot search texts (';
  expect(upgraded.stdout).toContain(reason);
  const status = await runCommand(throughline, ['status']);
  expect(status.code).toBe(0);
  expect(status.stdout).toContain(reason);
  expect({ core: core()?.pid, data: data()?.pid }).toEqual(before);
  expect((await fetch(`${throughline.dataUrl}/health`)).status).toBe(200);
  const asked = kept.seen.length;
  await waitFor(() => kept.seen.length > asked + 5);
  await Promise.all([kept.stop(), streams.stop()]);
  expect([...kept.failures, ...streams.failures]).toEqual([]);
}, 180_000);

it.each<[string, string, string]>([
  ['dies', 'process.exit(7)', 'kept dying soon after it had taken over (exit code 7)'],
  [
    'fails in a way that nobody catches',
    "throw new Error('the moon is full')",
    'asked to be replaced soon after it had taken over (Error: the moon is full)',
  ],
])(
  'CR-05: a release whose core %s after it was ready gives way to the old one, and the status says why',
  async (_how, statement, reason) => {
    using release = brokenRelease((source) => `${source}\nsetTimeout(() => { ${statement}; }, 200);\n`);
    const { version, generation = 0 } = core() ?? {};
    const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(5);
    const requested = provider.requests.length;
    await waitFor(() => provider.requests.length >= requested + 5);
    const upgraded = await runCommand(throughline, ['upgrade', 'core'], { cli: release.cli });
    expect(upgraded.stdout).toMatch(/✔ core +version 9\.9\.9, /);
    const isBack = () => {
      const now = core();
      return now?.state === 'ready' && now.version === version && now.generation > generation;
    };
    await waitFor(isBack, { timeoutMs: 30_000 });
    const sentence = `last replacement failed: version 9.9.9 ${reason}: back to ${version}`;
    const status = await waitFor(async () => {
      const asked = await runCommand(throughline, ['status']);
      return asked.stdout.includes(sentence) ? asked : undefined;
    });
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(
      new RegExp(`✔ core +ready, pid \\d+, generation \\d+, version ${version},`),
    );
    // What the old one had open it finished; new requests find the old release again.
    const kept = new StrictClients(throughline.frontUrl, 'kept-after').start(3, 20);
    await waitFor(() => kept.seen.length > 10);
    await Promise.all([kept.stop(), streams.stop()]);
    expect([...kept.failures, ...streams.failures]).toEqual([]);
  },
  180_000,
);
