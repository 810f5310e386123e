import type { HeaderList } from '#exchange';

/** What is known about a request so far. Fields that cost something to find out are absent until a rule asks. */
export interface Known {
  readonly method: string;
  /** Without query and tag. */
  readonly path: string;
  readonly headers: HeaderList;
  readonly tag?: string;
  readonly sessionId?: string;
  /** Set by Claude Code on requests of a subagent. */
  readonly agentId?: string;
  /** Name of the subagent; null when there is none or nothing tells it, absent when nobody has looked yet. */
  readonly agentName?: string | null;
  /** `main`, `subagent`, `auxiliary` …, where the client says it. */
  readonly requestClass?: string;
  /** By its head this may be one of the checks with which Claude Code judges a command; the body decides. */
  readonly mayBeSafetyCheck?: boolean;
  /** Local time, minutes since midnight. */
  readonly minuteOfDay: number;
  /** Length of the body as announced. */
  readonly bodyBytes?: number;
  /** Absent when nobody has looked into the body yet. */
  readonly body?: KnownBody;
}

/** What the beginning of the body says; absent fields are not there, or behind the part that was looked at. */
export interface KnownBody {
  readonly model?: string;
  readonly isThinking?: boolean;
  readonly tools?: readonly string[];
  /** Of the part that was looked at. */
  readonly bytes: number;
}

/** What has to be found out before it can be decided. */
export type Missing = 'agent-name' | 'body';
