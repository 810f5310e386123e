import { type Metric, metricLines } from '#exchange';

/** Upper bounds of the latency buckets, in seconds. */
const bucketSeconds = [0.005, 0.025, 0.1, 0.5, 2.5];

interface RouteTally {
  readonly byStatus: Map<string, number>;
  readonly buckets: number[];
  seconds: number;
  timed: number;
}

/** Counts what proxy-data answered. Labels come from the contract, never from a client. */
export interface Metrics {
  /** @param durationMs absent for answers that last as long as the client likes */
  answered(route: string, status: number, durationMs?: number): void;
  /** @param further what is counted elsewhere */
  render(further: readonly Metric[]): string;
}

export function createMetrics(): Metrics {
  const routes = new Map<string, RouteTally>();
  return {
    answered(route, status, durationMs) {
      const tally = routes.get(route) ?? newTally();
      routes.set(route, tally);
      const kind = `${Math.floor(status / 100)}xx`;
      tally.byStatus.set(kind, (tally.byStatus.get(kind) ?? 0) + 1);
      if (durationMs === undefined) return;
      const seconds = durationMs / 1000;
      tally.seconds += seconds;
      tally.timed += 1;
      bucketSeconds.forEach((bound, i) => {
        if (seconds <= bound) tally.buckets[i]! += 1;
      });
    },
    render(further) {
      return [...counterLines(routes), ...latencyLines(routes), ...further.flatMap(metricLines)]
        .join('\n')
        .concat('\n');
    },
  };
}

function newTally(): RouteTally {
  return { byStatus: new Map(), buckets: bucketSeconds.map(() => 0), seconds: 0, timed: 0 };
}

function counterLines(routes: ReadonlyMap<string, RouteTally>): string[] {
  const name = 'throughline_data_requests_total';
  const lines = [`# HELP ${name} Answers by route and class of status.`, `# TYPE ${name} counter`];
  for (const [route, tally] of routes) {
    for (const [kind, count] of tally.byStatus)
      lines.push(`${name}{route="${route}",status="${kind}"} ${count}`);
  }
  return lines;
}

function latencyLines(routes: ReadonlyMap<string, RouteTally>): string[] {
  const name = 'throughline_data_request_seconds';
  const lines = [`# HELP ${name} Time to the end of the answer.`, `# TYPE ${name} histogram`];
  for (const [route, { buckets, seconds, timed }] of routes) {
    if (timed === 0) continue;
    bucketSeconds.forEach((bound, i) => {
      lines.push(`${name}_bucket{route="${route}",le="${bound}"} ${buckets[i]}`);
    });
    lines.push(`${name}_bucket{route="${route}",le="+Inf"} ${timed}`);
    lines.push(
      `${name}_sum{route="${route}"} ${seconds.toFixed(6)}`,
      `${name}_count{route="${route}"} ${timed}`,
    );
  }
  return lines;
}
