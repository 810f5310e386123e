/**
 * The supervisor: owns the listening sockets, starts proxy-core, the recorder and proxy-data as programs, starts
 * again what dies, and stops them in the order that loses nothing. It imports none of them and knows nothing about
 * HTTP, configuration files or the store.
 *
 * Read `handover.ts` first: the life of one service as a pure state machine. `service-run.ts` carries it out,
 * `shut-down.ts` is the order of leaving, `supervisor.ts` puts everything together.
 */
export { askReplace, askReplaceSupervisor, askStatus, askStop } from './control-client.ts';
export type { Receipt, ReplaceRequest } from './replace-services.ts';
export type { GenerationStatus, Replacement, RunState, ServiceStatus } from './run-state.ts';
export { readRunStates } from './run-state.ts';
export type { Supervisor } from './supervisor.ts';
export { runSupervisor } from './supervisor.ts';
export type {
  Release,
  ServiceName,
  ServicePlan,
  SupervisorOptions,
  SupervisorSettings,
} from './supervisor-options.ts';
export { SupervisorError } from './supervisor-options.ts';
