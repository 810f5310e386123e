/**
 * What proxy-core may know: fully resolved (no paths to look up, no variables to expand, no defaults to fill in)
 * and versioned, so that a core of one release can be started by a supervisor of another. Made by `config`,
 * read by `core`. Imports nothing.
 */

export const coreConfigVersion = 1;

export interface CoreConfig {
  readonly version: typeof coreConfigVersion;
  /** Absolute. Journal directories, status files and the fingerprint key live below it. */
  readonly dataDir: string;
  readonly journal: JournalConfig;
  readonly limits: CoreLimits;
  readonly timeouts: CoreTimeouts;
  readonly access: AccessConfig;
  readonly providers: readonly CoreProvider[];
  /** Name of the provider for requests that no rule claims. */
  readonly defaultProvider: string;
  /** In order, the first that holds decides. */
  readonly routes?: readonly RouteRule[];
  /** Absolute directories of Claude Code's own files: the name of a subagent stands there before its first request. */
  readonly claudeDirs?: readonly string[];
  /** Further ports that may stand in `Host`: those of a front that is not ours and keeps the client's `Host`. */
  readonly ports?: readonly number[];
  /** Recording is impaired when no recorder gives a sign of life; absent = one is expected once it gave one. */
  readonly isRecorderExpected?: boolean;
  /** Where the front pipes everything that is not `/v1`; absent when core serves no front. */
  readonly dataAddress?: { readonly host: string; readonly port: number };
}

export interface JournalConfig {
  /** Absolute directory; each core process makes its own directory inside. */
  readonly directory: string;
  /** Bytes gathered but not yet written, over which bodies are dropped. */
  readonly pendingBytesMax: number;
  /** Size at which a segment is sealed and the next one begins. */
  readonly segmentBytesMax: number;
  readonly segmentAgeMsMax: number;
  /** `process`: survives SIGKILL. `power`: the end of an answer also waits for fsync. */
  readonly durability: 'process' | 'power';
  readonly fsyncIntervalMs: number;
  /** Bytes that all journal directories may take; 0 = the smaller of 5 GB and a tenth of the free space. */
  readonly quotaBytes: number;
  /** Preallocated file that is given up when the disk is full. */
  readonly ballastBytes: number;
  /** Recorded part of one body; more is forwarded but not recorded. */
  readonly bodyBytesMax: number;
}

export interface CoreLimits {
  readonly headBytesMax: number;
  readonly headerFieldsMax: number;
  /** Largest request body that is forwarded; 0 = no limit. */
  readonly requestBytesMax: number;
  /** Requests piped to proxy-data at the same time. */
  readonly pipedRequestsMax: number;
}

/** Milliseconds; 0 switches a limit off. There is no limit on the total time of an exchange. */
export interface CoreTimeouts {
  readonly clientHeadMs: number;
  readonly clientBodyIdleMs: number;
  readonly keepAliveMs: number;
  readonly upstreamConnectMs: number;
  readonly upstreamFirstByteMs: number;
  readonly upstreamIdleMs: number;
  /** How long a stop waits for open exchanges. */
  readonly drainMs: number;
}

export interface AccessConfig {
  /** Host names (without port, lower case) that may stand in `Host`, besides the loopback names. */
  readonly allowedHosts: readonly string[];
  /** Exact origins that may call from a browser. */
  readonly allowedOrigins: readonly string[];
  /** Always asked for when true (an address beyond loopback is served). */
  readonly tokenRequired: boolean;
  /** The token; compared in constant time. Empty = none exists and nothing that needs one is served. */
  readonly token: string;
  /** Refuse connections of other local users where the platform can tell. */
  readonly checkPeerUser: boolean;
}

export interface CoreProvider {
  readonly name: string;
  readonly format: 'anthropic' | 'openai';
  /** `https://host[:port]`, no path. A request can never change it. */
  readonly origin: string;
  /** Path in front of the client's path, without a trailing slash; empty when none. */
  readonly basePath: string;
  /** What a leading `/v1` of the client's path becomes behind `basePath`; absent = it stays. */
  readonly versionPath?: string;
  /**
   * Whose credential it gets. `client`: the request goes as it is. `key`: `apiKey`. `none`: nothing. With the latter two,
   * only listed headers of the client go there. Absent = `key` when there is one, `client` otherwise.
   */
  readonly auth?: 'client' | 'key' | 'none';
  readonly apiKey?: string;
  /** `anthropic-version` that is added when the client sent none. */
  readonly anthropicVersion?: string;
  /** PEM text of additional certificate authorities. */
  readonly ca?: string;
}

/** One rule: which requests, where to, why. */
export interface RouteRule {
  /** As it stands in reasons, for example `rule 2 (reviewers)`. */
  readonly name: string;
  readonly when: RouteCondition;
  readonly to: RouteTarget;
  /** The user's own words. */
  readonly because?: string;
}

export interface RouteTarget {
  readonly provider: string;
  /** Sent instead of the asked model. */
  readonly model?: string;
}

/** All parts have to hold; of several patterns (`*` and `?` are wild) one is enough. No parts = every request. */
export interface RouteCondition {
  readonly agent?: readonly string[];
  readonly model?: readonly string[];
  readonly session?: readonly string[];
  readonly path?: readonly string[];
  readonly tag?: readonly string[];
  readonly class?: readonly string[];
  readonly tool?: readonly string[];
  readonly header?: Readonly<Record<string, readonly string[]>>;
  readonly bodyBytes?: { readonly min: number; readonly max: number };
  readonly thinking?: boolean;
  /** Local time, minutes since midnight; the end is not included and may lie before the beginning. */
  readonly time?: { readonly fromMinute: number; readonly toMinute: number };
}
