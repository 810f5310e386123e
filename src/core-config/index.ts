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
  /** Several keys that share the work; `apiKey` is the first of them then. */
  readonly apiKeys?: readonly WeightedKey[];
  /** Field that carries the key; absent = `authorization` (as a bearer) for OpenAI's format, `x-api-key` for Anthropic's. */
  readonly keyHeader?: KeyHeader;
  /** `anthropic-version` that is added when the client sent none. */
  readonly anthropicVersion?: string;
  /** PEM text of additional certificate authorities. */
  readonly ca?: string;
  /** Names and values that every request gets, in the place of the client's fields of these names. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** `name=value&…`, encoded, added to every request's query. */
  readonly query?: string;
  readonly proxy?: ProviderProxy;
  /** What is absent is as in `timeouts` of the whole. */
  readonly timeouts?: ProviderTimeouts;
  /** The first whose pattern fits decides about a model. */
  readonly models?: readonly ModelSettings[];
  /** Absent = what it answers, or that it does not, goes to the client as it is. */
  readonly resilience?: ProviderResilience;
}

/** What happens when a provider fails, before the client has been told anything. */
export interface ProviderResilience {
  readonly retry?: RetrySettings;
  readonly breaker?: { readonly failuresMax: number; readonly openMs: number };
  /** Who takes over, in this order. */
  readonly fallback?: readonly RouteTarget[];
}

export interface RetrySettings {
  /** Tries after the first, at least 1. */
  readonly max: number;
  readonly statuses: readonly number[];
  /** Also when there was no answer at all. */
  readonly onNoAnswer: boolean;
  /** All waits of one request together. */
  readonly waitMsMax: number;
}

export type KeyHeader = 'authorization' | 'x-api-key' | 'api-key' | 'x-goog-api-key';

export interface WeightedKey {
  readonly key: string;
  /** Share of the work against the other keys; 0 = only when all are 0. */
  readonly weight: number;
}

/** An HTTP proxy on the way to a provider. */
export interface ProviderProxy {
  /** `http://host:port` */
  readonly origin: string;
  /** Value of `Proxy-Authorization`. */
  readonly authorization?: string;
}

/** Milliseconds; 0 switches a limit off. */
export interface ProviderTimeouts {
  readonly connectMs?: number;
  readonly firstByteMs?: number;
  readonly idleMs?: number;
}

/** What a provider's model is really called, and what it takes. */
export interface ModelSettings {
  /** `*` and `?` are wild. */
  readonly match: string;
  /** Sent instead of the name that fitted. */
  readonly name?: string;
  /** By the names of `ModelCapabilities` in `translate`; only what differs from what is known by the name. */
  readonly capabilities?: ModelOverrides;
}

export interface ModelOverrides {
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  readonly maxOutputTokens?: number;
  readonly temperature?: boolean;
  readonly topP?: boolean;
  readonly topK?: boolean;
  readonly stop?: boolean;
  readonly stopMax?: number;
  readonly images?: boolean;
  readonly documents?: boolean;
  readonly tools?: boolean;
  readonly parallelTools?: boolean;
  readonly toolChoice?: 'all' | 'auto';
  readonly toolsMax?: number;
  readonly toolDescriptionMax?: number;
  readonly strictTools?: boolean;
  readonly reasoningEffort?: 'none' | 'openai';
  readonly effortLevels?: readonly string[];
  readonly streamUsage?: boolean;
  readonly systemRole?: 'system' | 'developer';
}

/** One rule: which requests, where to, why. */
export interface RouteRule {
  /** As it stands in reasons, for example `rule 2 (reviewers)`. */
  readonly name: string;
  readonly when: RouteCondition;
  readonly to: RouteTarget;
  /** The user's own words. */
  readonly because?: string;
  /** Who takes over when where it leads fails; absent = as that provider has it. */
  readonly fallback?: readonly RouteTarget[];
}

export interface RouteTarget {
  /** Of several the one that is best by what matters. */
  readonly provider: string;
  /** Sent instead of the asked model. */
  readonly model?: string;
  /** There when several share the work. */
  readonly among?: BalanceGroup;
}

/** Providers that share the work of a rule. */
export interface BalanceGroup {
  /** What matters, for reasons: `cost` or `quality for task "review"`. */
  readonly by: string;
  /** Best first, not empty. */
  readonly candidates: readonly BalanceCandidate[];
}

export interface BalanceCandidate {
  readonly provider: string;
  readonly model?: string;
  /** Grade by what matters; higher is better. */
  readonly score: number;
  /** Share of the work against the others; 0 = only when all are 0. */
  readonly weight: number;
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
