import type { Query } from '#search';
import type { Dimension, Measure } from './measures.ts';
import type { OutcomeClass } from './request-row.ts';
import type { Period } from './statistics-range.ts';

/** Sums and distributions over all requests. Times are milliseconds since 1970, ranges half open; absent = no end. */
export interface Statistics {
  /** The quarter hours in which there are requests, from the first to the last; undefined without any. */
  recorded(): Promise<{ readonly fromMs: number; readonly toMs: number } | undefined>;
  /**
   * One row for each combination that occurs, without order. With a query or by tool it looks at each request and rejects
   * with `too-slow` when those are too many.
   */
  sums(query: SumsQuery): Promise<Sums[]>;
  /** One row for each combination that occurs, without order. Quantiles are at most 1 % off. */
  latencies(query: LatenciesQuery): Promise<Latencies[]>;
  /** One row for each tool, or for each tool in each quarter hour. */
  tools(query: ToolsQuery): Promise<ToolCounts[]>;
  /** Sessions that were active in the range, the one active last first, with the numbers of all their requests. */
  sessions(query: SessionsQuery): Promise<SessionSums[]>;
  /** The agents of a session, in the order in which they began. */
  agents(sessionId: string): Promise<AgentSums[]>;
}

export interface StatisticsRange {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** What must hold of requests that count; a name that never occurred matches nothing. */
export type StatisticsFilter = { readonly [Name in Exclude<Dimension, 'quarter' | 'outcomeClass'>]?: string };

/** Only requests that fit a query. Then nothing that was summed before helps: each of them is looked at. */
export interface Among {
  readonly query: Query;
  /** For relative times and days in the query. */
  readonly nowMs: number;
  readonly zone: string;
}

export interface SumsQuery extends StatisticsRange {
  /** `quarter`: UTC quarter hours, of which the days and hours of any time zone consist. */
  readonly by: readonly (Dimension | 'tool')[];
  readonly where?: StatisticsFilter | undefined;
  /** Kept apart by their numbers; requests outside of all of them do not count. */
  readonly periods?: readonly Period[];
  readonly among?: Among | undefined;
}

export type Measures = { readonly [Name in Measure]: number };

export interface Sums extends Measures {
  readonly key: DimensionKey;
}

/** Those that were asked for; undefined where a request has no such thing. */
export interface DimensionKey {
  /** With `periods`. */
  readonly period?: number;
  /** Times 900,000 = its beginning. */
  readonly quarter?: number;
  readonly session?: string | undefined;
  readonly agentName?: string | undefined;
  readonly provider?: string | undefined;
  readonly askedModel?: string | undefined;
  readonly routedModel?: string | undefined;
  readonly answeredModel?: string | undefined;
  readonly clientVersion?: string | undefined;
  readonly outcomeClass?: OutcomeClass;
  /** A request counts for each of the tools that its answer called. */
  readonly tool?: string | undefined;
}

export interface LatenciesQuery extends StatisticsRange {
  readonly by: readonly ('quarter' | 'provider' | 'askedModel' | 'answeredModel')[];
  /** From 0 to 1. */
  readonly quantiles: readonly number[];
  readonly where?: Pick<StatisticsFilter, 'provider' | 'askedModel' | 'answeredModel'> | undefined;
  readonly among?: Among | undefined;
}

export interface Latencies {
  readonly key: DimensionKey;
  /** Microseconds from acceptance to the last byte. */
  readonly total: Quantiles;
  readonly firstByte: Quantiles;
  readonly firstToken: Quantiles;
  /** Thousandths of a token in each second. */
  readonly outputSpeed: Quantiles;
}

export interface Quantiles {
  /** Requests of which it is known. */
  readonly count: number;
  /** One for each that was asked for; empty when `count` is 0. */
  readonly values: readonly number[];
}

export interface ToolsQuery extends StatisticsRange {
  readonly among?: Among | undefined;
  readonly byQuarter?: boolean;
}

export interface ToolCounts {
  readonly quarter?: number;
  readonly tool: string;
  /** Requests that offered it. */
  readonly declared: number;
  /** Calls in answers. */
  readonly called: number;
  /** Requests whose answer called it. */
  readonly calledIn: number;
}

export interface SessionsQuery extends StatisticsRange {
  readonly limit: number;
}

export interface SessionSums extends Measures {
  readonly sessionId: string;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface AgentSums extends Measures {
  /** undefined = the main one. */
  readonly agentId: string | undefined;
  readonly parentAgentId: string | undefined;
  readonly agentName: string | undefined;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}
