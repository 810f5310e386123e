import type { ListeningAddress, StartOrder } from '#generation';

export type ServiceName = StartOrder['service'];

/** What to supervise. Programs are paths, never imports: a broken service cannot break its supervisor. */
export interface SupervisorOptions {
  readonly config: SupervisorSettings;
  readonly services: readonly ServicePlan[];
  readonly version: string;
  /** True writes log lines for people, false passes JSON lines on. */
  readonly prettyLog: boolean;
}

/** The part of the configuration that a supervisor needs. */
export interface SupervisorSettings {
  /** Absolute; exists. Locks, state and the control socket live in `run/` below it. */
  readonly dataDir: string;
  readonly listeners: readonly ListeningAddress[];
  /** How long a stop waits for proxy-core to finish its streams; 0 = until they end. */
  readonly drainMs: number;
  /** How long a new generation may take to become ready; default 30 s. */
  readonly readyWithinMs?: number;
  /** How often a worker of proxy-core is asked for a sign of life; default 2 s. */
  readonly heartbeatMs?: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** What a generation of a service runs. */
export interface Release {
  /** Absolute path of the program. */
  readonly program: string;
  /** Absolute path of the Node that runs it; absent = the one that runs the supervisor. */
  readonly node?: string;
  /** Options of Node for it. */
  readonly nodeOptions?: readonly string[];
  readonly version: string;
  readonly config: unknown;
  /** Processes that share its listeners; absent = 1. */
  readonly workers?: number;
}

/** More than any machine needs, and not enough to hurt one. */
export const workersMax = 16;

export interface ServicePlan {
  readonly service: ServiceName;
  /** Absolute path of the program. */
  readonly program: string;
  /** Options of Node for it. */
  readonly nodeOptions?: readonly string[];
  /** Processes that share its listeners; absent = 1. */
  readonly workers?: number;
  /** Absent = the Node that runs the supervisor. */
  readonly node?: string;
  /** Absent = the version of the whole. */
  readonly version?: string;
  /** Which listeners it inherits. */
  readonly purposes: readonly string[];
  /** The service's configuration, once the ports are known. */
  readonly order: (bound: readonly ListeningAddress[]) => unknown;
}

export type SupervisorErrorCode = 'address-taken' | 'address-unusable' | 'already-running';

/** Why a supervisor did not start; the message names cause and cure. */
export class SupervisorError extends Error {
  readonly code: SupervisorErrorCode;
  constructor(code: SupervisorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SupervisorError';
    this.code = code;
  }
}
