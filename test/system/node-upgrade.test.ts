import { readlinkSync, realpathSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWitness, type FakeProvider, type Throughline, waitFor } from '#test-support';
import {
  expectStored,
  nodeOf,
  runCommand,
  startWitnessed,
  stateOf,
  type WitnessedThroughline,
} from './handover-fixture.ts';
import { StrictClients } from './strict-client.ts';

// What a user does who installs another Node: runs `throughline upgrade` with it. Nobody notices, and nothing of the
// old Node stays in charge.
const oldNode = nodeOf(24);
const newNode = nodeOf(26);

let witnessed: WitnessedThroughline | undefined;
let provider: FakeProvider;
let throughline: Throughline;
beforeEach(async () => {
  witnessed = await startWitnessed({ node: oldNode });
  ({ provider, throughline } = witnessed);
});
afterEach(() => witnessed?.close());

/** The programs that the supervisor in charge and its services run, as the system knows them. */
function nodesInCharge(): Record<string, string> {
  const { pid, services } = stateOf(throughline);
  const pids: [string, number | undefined][] = [['supervisor', pid]];
  for (const one of services) pids.push([one.service, one.pid]);
  return Object.fromEntries(pids.map(([name, one]) => [name, readlinkSync(`/proc/${one}/exe`)]));
}

const everywhere = (node: string): Record<string, string> =>
  Object.fromEntries(['supervisor', 'core', 'recorder', 'data'].map((name) => [name, realpathSync(node)]));

it('UPG-06: Node itself is replaced under traffic, 24 by 26 and back, and nobody notices', async () => {
  expect(nodesInCharge()).toEqual(everywhere(oldNode));
  const streams = new StrictClients(throughline.frontUrl, 'long').startStreams(5);
  const kept = new StrictClients(throughline.frontUrl, 'kept').start(3, 50);
  const witness = createWitness(throughline.frontUrl, { seed: 6, pauseMs: 100 });
  const fresh = witness.start(2);
  await waitFor(() => provider.requests.length > 10);
  for (const node of [newNode, oldNode]) {
    const { code, stdout, stderr } = await runCommand(throughline, ['upgrade'], { node });
    expect([code, stderr], stdout).toEqual([0, '']);
    expect(nodesInCharge()).toEqual(everywhere(node));
  }
  await fresh.stop();
  await Promise.all([kept.stop(), streams.stop()]);
  const seen = [...kept.seen, ...streams.seen, ...witness.seen];
  expect(seen.filter((one) => !one.isComplete || one.status !== 200)).toEqual([]);
  await expectStored(throughline, seen);
}, 400_000);
