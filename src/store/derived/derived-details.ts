/** What stands in the heads of requests and answers, and how often a provider was asked. */
export interface DerivedDetails {
  /** Adds details and moves the position of `details`, in one transaction. Doing it twice changes nothing. */
  append(details: readonly RequestDetails[], through: number): Promise<void>;
  /** What providers said about their limits, the oldest first; at most `limit` of each window, the newest. */
  rateLimits(query: RateLimitsQuery): Promise<RateLimitPoint[]>;
}

export interface RequestDetails {
  readonly sequence: number;
  readonly atMs: number;
  readonly provider: string | undefined;
  /** The rule that chose the provider. */
  readonly route: string | undefined;
  readonly os: string | undefined;
  readonly betas: readonly string[];
  /** How often a provider was asked. */
  readonly attempts: number;
  readonly limits: readonly RateLimit[];
}

/** One window of a limit as an answer told about it; what it did not tell is undefined. */
export interface RateLimit {
  /** Such as `requests`, `input-tokens`, `5h`, `7d`. */
  readonly window: string;
  readonly limit?: number;
  readonly remaining?: number;
  /** Share that is used, 0 to 1; more when a provider lets it go beyond. */
  readonly used?: number;
  /** Milliseconds since 1970. */
  readonly resetsAtMs?: number;
  readonly status?: string;
}

export interface RateLimitsQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly provider?: string | undefined;
  readonly window?: string | undefined;
  readonly limit: number;
}

/** The last one of its minute. */
export interface RateLimitPoint extends RateLimit {
  readonly atMs: number;
  readonly provider: string | undefined;
}
