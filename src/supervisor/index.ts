/**
 * The supervisor: owns the listening sockets, starts proxy-core, the recorder and proxy-data as programs, starts
 * again what dies, and stops them in the order that loses nothing. It imports none of them and knows nothing about
 * HTTP, configuration files or the store.
 *
 * Read `handover.ts` first: the life of one service as a pure state machine. `service-run.ts` carries it out,
 * `shut-down.ts` is the order of leaving, `running-supervisor.ts` puts everything together, and `supervisor.ts` has the
 * ways in which one begins. `succession.ts` tells how one follows the other, also after a death.
 */
export { askReplace, askReplaceSupervisor, askStatus, askStop } from './control-client.ts';
export type { Receipt, ReplaceRequest } from './replace-services.ts';
export type { GenerationStatus, LeftProcess, Replacement, RunState, ServiceStatus } from './run-state.ts';
export { readOrphans, readRunStates } from './run-state.ts';
export { stopEverything } from './stop-everything.ts';
export { inheritedOptions } from './succession.ts';
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
