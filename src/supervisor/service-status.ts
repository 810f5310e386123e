import type { GenerationStatus, Replacement, ServiceStatus, WorkerStatus } from './run-state.ts';
import { generationOf, type ServiceState, startingBeside } from './service-state.ts';
import type { ServiceName } from './supervisor-options.ts';
import type { ProcessName, Worker } from './worker.ts';

/** What is known of a service beside its state. */
export interface KnownOfService {
  readonly service: ServiceName;
  /** What its workers are started again with. */
  readonly version: string;
  /** Undefined when there is no such process. */
  readonly statusOf: (process: ProcessName) => GenerationStatus | undefined;
  /** What went wrong last, by the number of the worker. */
  readonly troubles: ReadonlyMap<number, string>;
  readonly lastReplacement: Replacement | undefined;
}

/** What the supervisor says about a service. Pure. */
export function serviceStatus(state: ServiceState, known: KnownOfService): ServiceStatus {
  const { service, version, statusOf, lastReplacement } = known;
  const workers = state.workers.map((worker) => workerStatus(worker, known));
  const { state: _, trouble: __, ...first } = workers[0] ?? { worker: 1, version };
  const trouble = allTroubles(known.troubles, { isOne: workers.length <= 1 });
  return {
    ...first,
    service,
    state: stateOf(state),
    generation: generationOf(state),
    ...(trouble === '' ? {} : { trouble }),
    workers,
    candidates: startingBeside(state).flatMap((process) => statusOf(process) ?? []),
    retiring: state.retiring.flatMap((process) => statusOf(process) ?? []),
    ...(lastReplacement === undefined ? {} : { lastReplacement }),
  };
}

function workerStatus(
  { worker, generation, phase }: Worker,
  { version, statusOf, troubles }: KnownOfService,
): WorkerStatus {
  const trouble = troubles.get(worker);
  return {
    ...(statusOf({ generation, worker }) ?? { generation, worker, version }),
    state: phase.kind,
    ...(phase.kind === 'ready' ? { readyAtMs: phase.readyAtMs } : {}),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function allTroubles(troubles: ReadonlyMap<number, string>, { isOne }: { readonly isOne: boolean }): string {
  return [...troubles].map(([worker, text]) => (isOne ? text : `worker ${worker}: ${text}`)).join('; ');
}

function stateOf({ stage, workers }: ServiceState): ServiceStatus['state'] {
  if (stage !== 'running') return stage;
  const kinds = workers.map(({ phase }) => phase.kind);
  if (kinds.every((kind) => kind === 'ready')) return 'ready';
  return kinds.includes('starting') ? 'starting' : 'waiting';
}
