import type { AccessConfig, CoreConfig, CoreProvider, RouteRule } from '#core-config';

/**
 * The configuration with every default filled in, every variable expanded and every path absolute, one part for
 * each program. These objects travel as JSON in a start order (`#generation`).
 */
export interface ResolvedConfig {
  readonly dataDir: string;
  readonly core: CoreConfig;
  readonly recorder: RecorderConfig;
  readonly data: DataConfig;
  readonly supervisor: SupervisorConfig;
}

export interface RecorderConfig {
  readonly dataDir: string;
  readonly journalDirectory: string;
  readonly store: StoreConfig;
  /** A stored segment is kept this long, unless all of them exceed `replayBytesMax`. */
  readonly replayAgeMsMax: number;
  readonly replayBytesMax: number;
  readonly logLevel: LogLevel;
}

export interface StoreConfig {
  readonly engine: 'sqlite';
  /** Absolute path of the database file; its directory exists. */
  readonly path: string;
}

export interface DataConfig {
  readonly dataDir: string;
  readonly journalDirectory: string;
  readonly store: StoreConfig;
  readonly access: AccessConfig;
  /** Ports that may stand in `Host`, because a front or proxy-data itself is reached through them. */
  readonly ports: readonly number[];
  readonly logLevel: LogLevel;
  /** What core decides by, without what only core needs. */
  readonly routing: RoutingConfig;
  /** What was received longer ago is deleted; absent = everything is kept. */
  readonly keepMs?: number;
  /** The same of their bodies alone. */
  readonly keepBodiesMs?: number;
  /** Size of the database above which the oldest goes. */
  readonly storeBytesMax?: number;
  /** Free bytes of its disk below which the oldest bodies go. */
  readonly freeBytesMin?: number;
  /** Where Claude Code may keep its files, the likeliest first. Some of them need not exist. */
  readonly claudeDirs: readonly string[];
  readonly transcripts: TranscriptsConfig;
  /** Of the user, before those that are published. */
  readonly prices: readonly PriceRow[];
  /** What `/api/v2/config` shows: no secrets. */
  readonly shown: Readonly<Record<string, unknown>>;
}

/** What a model costs from a day on, in US dollars for a million tokens. */
export interface PriceRow {
  /** A name, or its beginning and `*`. */
  readonly model: string;
  /** Absent = of any provider. */
  readonly provider?: string;
  /** Milliseconds since 1970; 0 = always. */
  readonly fromMs: number;
  readonly rates: PriceRates & { readonly input: number; readonly output: number };
  /** For requests with an input, cached tokens included, of more tokens than `above`. */
  readonly longContext?: { readonly above: number; readonly rates: PriceRates };
}

interface PriceRates {
  readonly input?: number;
  readonly output?: number;
  readonly cache_read?: number;
  readonly cache_write_5m?: number;
  readonly cache_write_1h?: number;
}

export interface TranscriptsConfig {
  /** Absolute; some of them need not exist. None: transcripts are not read. */
  readonly roots: readonly { readonly kind: 'claude' | 'codex'; readonly directory: string }[];
  /** False: what the agent deletes is forgotten here as well. */
  readonly keepsDeleted: boolean;
}

export interface RoutingConfig {
  readonly providers: readonly Pick<CoreProvider, 'name' | 'format'>[];
  readonly defaultProvider: string;
  readonly routes: readonly RouteRule[];
}

export interface SupervisorConfig {
  readonly dataDir: string;
  /** `front` is absent when `server.front` is `none`. Every host is bound at every listed port. */
  readonly listeners: readonly {
    readonly purpose: 'front' | 'core' | 'data';
    readonly host: string;
    readonly port: number;
  }[];
  readonly drainMs: number;
  /** proxy-core processes that share the listening sockets. */
  readonly coreWorkers: number;
  readonly logLevel: LogLevel;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
