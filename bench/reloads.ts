import { setTimeout as delay } from 'node:timers/promises';
import { contestants } from './contestants.ts';
import { option, printTable } from './measure.ts';
import { StrictLoad, type Tally } from './strict-load.ts';
import { startWorker } from './worker.ts';

// What clients see of it when a proxy is reloaded or upgraded again and again while they work: the same strict clients
// against each, one after another. Options, for each: --seconds=40 --reloads=10
const seconds = option('seconds', 40);
const reloads = option('reloads', 10);
const streamSeconds = Math.max(1, Math.floor((seconds * 3) / 8));

const spoken = ({ ok, failed }: Tally): string => `${ok} / ${failed}`;

const rows = [['', 'reloads', 'kept: ok / failed', 'new: ok / failed', 'streams: ok / failed', 'how']];
const provider = await startWorker('./provider-worker.ts');
try {
  const { port: upstreamPort } = await provider.run<{ port: number }>({});
  for (const [name, start] of Object.entries(contestants))
    rows.push([name, ...(await contest(start, upstreamPort))]);
} finally {
  await provider.stop();
}
printTable(
  `What clients see of reloads within ${seconds} s: 16 clients on kept connections, 5 on new ones, 20 streams of ${streamSeconds} s`,
  rows,
);

async function contest(start: (typeof contestants)[string], upstreamPort: number): Promise<string[]> {
  const contestant = await start(upstreamPort).catch((error: Error) => error.message);
  if (typeof contestant === 'string') return [contestant];
  const { port, reload, stop } = contestant;
  const load = new StrictLoad({ port, kept: 16, fresh: 5, streams: 20, streamSeconds }).start();
  const sinceMs = performance.now();
  let done = 0;
  try {
    // On a busy machine a reload may take longer than its share: fewer of them then, and the table says so.
    while (done < reloads && performance.now() - sinceMs < seconds * 1000) {
      const dueAtMs = sinceMs + ((done + 0.5) * seconds * 1000) / reloads;
      await delay(Math.max(0, dueAtMs - performance.now()));
      await reload();
      done += 1;
    }
    await delay(Math.max(0, sinceMs + seconds * 1000 - performance.now()));
    await load.stop();
  } finally {
    await stop();
  }
  const how = [...load.failures].map(([kind, count]) => `${kind} ${count} ×`).join(', ');
  return [String(done), spoken(load.kept), spoken(load.fresh), spoken(load.streams), how];
}
