/** What stands after a key's colon. */
export type ValueKind =
  /** Text that is compared as a whole, or by its beginning with `*`. */
  | 'name'
  /** One of a list of words. */
  | 'word'
  | 'count'
  | 'duration'
  | 'bytes'
  | 'money'
  | 'status'
  | 'time';

interface KeyDefinition {
  readonly takes: ValueKind;
  readonly words?: readonly string[];
  readonly about: string;
}

/** Every key that a query may use. What is not here is refused, with the nearest one named. */
export const queryKeys = {
  model: { takes: 'name', about: 'model, as asked for or as it answered' },
  provider: { takes: 'name', about: 'provider that answered' },
  status: { takes: 'status', about: 'HTTP status of the answer' },
  error: { takes: 'name', about: 'type of the error, or * for any' },
  tool: { takes: 'name', about: 'tool that the answer called' },
  'tools.n': { takes: 'count', about: 'how many tools the answer called' },
  agent: { takes: 'name', about: 'agent, by name or by id' },
  session: { takes: 'name', about: 'session id' },
  cost: { takes: 'money', about: 'what it cost, in dollars' },
  in: { takes: 'count', about: 'input tokens that were not cached' },
  out: { takes: 'count', about: 'output tokens' },
  cr: { takes: 'count', about: 'tokens read from the cache' },
  cw: { takes: 'count', about: 'tokens written to the cache' },
  think: { takes: 'count', about: 'tokens of thinking' },
  tokens: { takes: 'count', about: 'all tokens, in and out, cached or not' },
  ttft: { takes: 'duration', about: 'time to the first token' },
  dur: { takes: 'duration', about: 'time to the end of the answer' },
  tps: { takes: 'count', about: 'output tokens per second' },
  stop: { takes: 'name', about: 'stop reason' },
  size: { takes: 'bytes', about: 'bytes of request and answer' },
  stream: { takes: 'word', words: ['true', 'false'], about: 'whether the answer was streamed' },
  has: {
    takes: 'word',
    words: ['thinking', 'tools', 'cost'],
    about: 'whether the answer has thinking or calls tools, or its cost is known',
  },
  is: {
    takes: 'word',
    words: ['done', 'failed', 'aborted', 'rate-limited', 'cache-miss', 'subagent'],
    about: 'how a request went and what it was for',
  },
  path: { takes: 'name', about: 'path of the request' },
  id: { takes: 'name', about: 'id of the request' },
  tag: { takes: 'name', about: 'tag of the request' },
  ver: { takes: 'name', about: 'version of the client' },
  time: { takes: 'time', about: 'when it arrived: today, 2h, 7d, 2026-11-01, 2026-11-01T10:30' },
} as const satisfies Readonly<Record<string, KeyDefinition>>;

export type QueryKey = keyof typeof queryKeys;

export function isQueryKey(name: string): name is QueryKey {
  return Object.hasOwn(queryKeys, name);
}

export function definitionOf(key: QueryKey): KeyDefinition {
  return queryKeys[key];
}
