import { type Metric, metricLines, recorderMetrics } from '#exchange';
import type { CoreContext } from './core-context.ts';
import { workerMetrics } from './core-metrics.ts';
import type { Around } from './health.ts';
import { joinMetrics } from './join-metrics.ts';

/** `/metrics`: what each worker counts, of which one is this process, and what the recorder counts. */
export function metricsPage(core: CoreContext, { recorder, otherWorkers, nowMs }: Around): string {
  const own = core.metrics.text(workerMetrics(core));
  const { number, of } = core.worker;
  const ofWorkers =
    of === 1 ? own : joinMetrics([{ worker: number, metrics: own }, ...otherWorkers].sort(byWorker));
  const ages = otherWorkers.map(
    ({ worker, atMs }) => [String(worker), Math.max(0, nowMs - atMs) / 1000] as const,
  );
  const shared: Metric[] = [
    { name: 'throughline_workers', help: 'Processes of proxy-core that share the work.', values: of },
    {
      name: 'throughline_worker_status_age_seconds',
      help: 'Time since a worker last said how it is.',
      values: { label: 'worker', counts: [[String(number), 0] as const, ...ages].sort() },
    },
    ...recorderMetrics(recorder, nowMs),
  ];
  return `${ofWorkers}${shared.flatMap(metricLines).join('\n')}\n`;
}

function byWorker(a: { readonly worker: number }, b: { readonly worker: number }): number {
  return a.worker - b.worker;
}
