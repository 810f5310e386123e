/**
 * The contract between the supervisor and one run ("generation") of a service: how the service is told what to
 * do, how it says that it is ready, and how it is asked to leave. Knows nothing about what the services do.
 *
 * The supervisor starts a program with an IPC channel and the listening descriptors on fd 3 and up, sends one
 * `start` message, and waits for `ready`. A program started by hand without IPC reads the same start order as
 * JSON from standard input.
 */
export type { FromService, ListenerSlot, StartOrder, ToService } from './messages.ts';
