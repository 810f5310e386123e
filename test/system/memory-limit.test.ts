import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { answerWithDigest, createMemoryCgroup, startLoadProvider, startThroughline } from '#test-support';
import { coreMetric } from './hostile-client.ts';

const mebibyte = 1024 * 1024;
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

it('CR-06: in 256 MB for all its processes, twelve bodies of 32 MB at once arrive unchanged', {
  timeout: 180_000,
}, async () => {
  await using provider = await startLoadProvider(answerWithDigest);
  const cgroup = createMemoryCgroup(256 * mebibyte);
  cleanups.push(() => cgroup.remove());
  const throughline = await startThroughline({
    command: 'core',
    providerOrigin: provider.origin,
    launcher: cgroup.launcher,
  });
  cleanups.push(() => throughline.stop());
  const pids = [throughline.supervisor.pid, throughline.pids().core!];
  expect(cgroup.pids()).toEqual(expect.arrayContaining(pids));

  const answers = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const piece = Buffer.alloc(mebibyte, index + 1);
      const hash = createHash('sha256');
      for (let count = 0; count < 32; count += 1) hash.update(piece);
      const answer = await fetch(`${throughline.coreUrl}/v1/messages`, {
        method: 'POST',
        body: ReadableStream.from(Array.from({ length: 32 }, () => piece)),
        duplex: 'half',
      });
      const isUnchanged = (await answer.text()) === `${32 * mebibyte} ${hash.digest('hex')}`;
      return { status: answer.status, isUnchanged };
    }),
  );

  expect(answers).toEqual(Array.from({ length: 12 }, () => ({ status: 200, isUnchanged: true })));
  expect(cgroup.oomKills()).toBe(0);
  expect([throughline.supervisor.pid, throughline.pids().core!]).toEqual(pids);
  console.log(`at most ${cgroup.peakMiB().toFixed(0)} MiB with the page cache, which gives way`);
  expect(await coreMetric(throughline.coreUrl, 'throughline_uncaught_errors_total')).toBe(0);
});
