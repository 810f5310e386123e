/**
 * The contract between the supervisor and one run ("generation") of a service: how the service is told what to
 * do, how it says that it is ready, and how it is asked to leave. Knows nothing about what the services do.
 *
 * The supervisor starts a program with an IPC channel and the listening descriptors on fd 3 and up, sends one
 * `start` message, and waits for `ready`. A program started by hand without IPC reads the same start order as
 * JSON from standard input and writes its reports as JSON lines to standard output.
 *
 * When the supervisor dies without a word, the services go on serving, and proxy-core starts another one: see `orphan.ts`.
 *
 * Read `messages.ts` first. A service's main file is: `prepareProcess`, `receiveStartOrder`, `onDrain`, `onStop`,
 * `listenOn` for each slot, `reportReady` – or `reportFailed` and exit.
 */
export { inheritanceVariable } from './election.ts';
export { readLines } from './lines.ts';
export { listenOn } from './listen-on.ts';
export type {
  Bequest,
  DrainReason,
  FromService,
  ListenerSlot,
  ListeningAddress,
  OrphanClaim,
  StartOrder,
  Testament,
  ToService,
  WorkerPlace,
} from './messages.ts';
export { prepareProcess } from './prepare-process.ts';
export { isOfThisPidNamespace, isProcessAlive, processStartToken } from './process-identity.ts';
export type { LockHolder, ProcessLock, ProcessLockResult } from './process-lock.ts';
export { acquireProcessLock, readProcessLock } from './process-lock.ts';
export { reportDraining, reportFailed, reportReady, reportTainted } from './report.ts';
export { sameHost } from './same-host.ts';
export { isSupervised, onDrain, onStop, parseStartOrder, receiveStartOrder } from './supervisor-link.ts';
