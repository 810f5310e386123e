/** A listening socket that the service inherits. */
export interface ListenerSlot {
  /** What it is for: `front`, `core`, `data`. Both address families of one purpose have the same name. */
  readonly purpose: string;
  /** Inherited descriptor (3 or above); absent = the service binds the address itself. */
  readonly fd?: number;
  readonly host: string;
  readonly port: number;
}

/** Where a service really listens; `host` is an IP address. */
export interface ListeningAddress {
  readonly purpose: string;
  readonly host: string;
  readonly port: number;
}

/** Everything a generation needs to begin; `config` is the resolved configuration of that service. */
export interface StartOrder {
  readonly service: 'core' | 'recorder' | 'data';
  readonly generation: number;
  readonly version: string;
  readonly listeners: readonly ListenerSlot[];
  readonly config: unknown;
  /** Another generation still works and leaves when this one is ready: what only one may hold is waited for. */
  readonly isReplacement?: boolean;
  /** Absent = it does the work alone. */
  readonly worker?: WorkerPlace;
}

/** Which one a process is of those that share the work of a service: `number` is 1 to `of`. */
export interface WorkerPlace {
  readonly number: number;
  readonly of: number;
}

/**
 * Why a service shall leave. `stop`: everything ends, so what takes too long is cut. `replaced`: another generation
 * serves already, so whatever is open may take the time it takes.
 */
export type DrainReason = 'stop' | 'replaced';

export type ToService =
  | { readonly type: 'start'; readonly order: StartOrder }
  /** Stop accepting, finish what is open, leave. Without a reason it is `stop`; that may follow `replaced`. */
  | { readonly type: 'drain'; readonly reason?: DrainReason }
  /** Leave now; what is open is cut. */
  | { readonly type: 'stop' }
  /** Say that you are there: `pong`. */
  | { readonly type: 'ping' };

export type FromService =
  | {
      readonly type: 'ready';
      readonly generation: number;
      readonly version: string;
      /** The addresses the service really listens on; the supervisor refuses a generation that differs. */
      readonly addresses: readonly ListeningAddress[];
    }
  | { readonly type: 'failed'; readonly sentence: string }
  | { readonly type: 'draining'; readonly openExchanges: number }
  /** Something is wrong with this process: it goes on for now, and asks to be replaced. */
  | { readonly type: 'tainted'; readonly cause: string }
  /** A process that was started with a debugger (`--inspect`) may stand still on purpose. */
  | { readonly type: 'pong'; readonly isDebugged?: true };
