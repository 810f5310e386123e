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
  /** How the service goes on when its supervisor dies without a word; absent = it finishes what is open and leaves. */
  readonly succession?: Succession;
}

/** Which one a process is of those that share the work of a service: `number` is 1 to `of`. */
export interface WorkerPlace {
  readonly number: number;
  readonly of: number;
}

/** Where a service without a supervisor finds the next one. */
export interface Succession {
  /** Absolute path of the file in which each supervisor of these services says its pid and its control socket. */
  readonly stateFile: string;
  /** Absolute path of the lock of the process that starts the next supervisor. */
  readonly lock: string;
  /** Only for a service that may start it. */
  readonly kept?: KeptDescriptors;
}

/** Descriptors that a process inherits for the supervisor that it may have to start, and never uses itself. */
export interface KeptDescriptors {
  readonly listeners: readonly (ListeningAddress & { readonly fd: number })[];
  /** Standard output and standard error of the supervisor. */
  readonly output: number;
  readonly errors: number;
}

/** What a supervisor leaves to the next one. It may hold credentials: it is sent to processes and never written down. */
export interface Testament {
  readonly program: string;
  readonly args: readonly string[];
  /** For the next supervisor alone; services do not look into it. */
  readonly estate: unknown;
  /** So many supervisors in a row, before this one, died soon after they had begun. */
  readonly earlyDeaths: number;
}

/** What a new supervisor gets from the process that started it, as its first message. */
export type Bequest = Pick<Testament, 'estate' | 'earlyDeaths'>;

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
  | { readonly type: 'ping' }
  /** Everything is being stopped: should the supervisor be gone before it says more, leave. */
  | { readonly type: 'ending' }
  /** To keep for the next supervisor; each one replaces the one before. */
  | { readonly type: 'testament'; readonly testament: Testament };

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

/**
 * The first line that a service sends to the control socket of the supervisor that shall adopt it. The answer is
 * `{"type":"adopted"}` or `{"error":"…"}`; then both sides go on with their messages, one JSON object a line.
 */
export interface OrphanClaim {
  readonly command: 'adopt';
  readonly service: StartOrder['service'];
  readonly generation: number;
  readonly worker: number;
  readonly version: string;
  readonly pid: number;
  readonly startToken: string;
  readonly isReady: boolean;
  /** It accepts nothing any more and finishes what is open. */
  readonly isDraining: boolean;
  readonly openExchanges?: number;
}
