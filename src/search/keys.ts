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
  project: {
    takes: 'name',
    about: 'project of the session: its directory, the name of it, or how the client calls it',
  },
  cwd: { takes: 'name', about: 'working directory of the session' },
  branch: { takes: 'name', about: 'branch on which the answer was written down' },
  entry: { takes: 'count', about: 'number of an entry of a transcript that stands for the answer' },
  route: { takes: 'name', about: 'rule that chose the provider' },
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
    words: ['thinking', 'tools', 'cost', 'transcript'],
    about: 'whether the answer has thinking or calls tools, stands in a transcript, or its cost is known',
  },
  is: {
    takes: 'word',
    words: ['done', 'failed', 'aborted', 'retried', 'rate-limited', 'cache-miss', 'compaction', 'subagent'],
    about: 'how a request went and what it was for',
  },
  path: { takes: 'name', about: 'path of the request' },
  id: { takes: 'name', about: 'id of the request' },
  tag: { takes: 'name', about: 'tag of the request' },
  ver: { takes: 'name', about: 'version of the client' },
  os: { takes: 'name', about: 'operating system of the client' },
  beta: { takes: 'name', about: 'beta feature that the client asked for' },
  time: { takes: 'time', about: 'when it arrived: today, 2h, 7d, 2026-11-01, 2026-11-01T10:30' },
} as const satisfies Readonly<Record<string, KeyDefinition>>;

/** Another way to write words: `text:disk` is `disk`. */
export const textKey = 'text';

/** Keys and words that a reader may expect, with why they find nothing. They are refused: an empty list would be a lie. */
export const notSearched: Readonly<Record<string, string>> = {
  system: 'System prompts are not indexed. `path:`, `agent:` and `route:` tell requests of programs apart.',
  note: 'There are no notes on requests. `tag:` finds what came in under an address of its own.',
  'has:note': 'There are no notes on requests.',
  'has:image': 'Images in requests are not indexed.',
  'has:tool-error':
    'Errors of tools are not indexed; their words are: look for `"is not a function"`, for example.',
  'is:pending': 'Requests in flight are in no list of finished ones: see /api/v2/requests/open.',
  'is:streaming':
    'Requests in flight are in no list of finished ones: see /api/v2/requests/open. `stream:true` finds streams.',
  'is:replayed': 'No request is sent again from here, so none is replayed.',
  'is:marked': 'Requests cannot be marked. `tag:` finds what came in under an address of its own.',
};

export type QueryKey = keyof typeof queryKeys;

export function isQueryKey(name: string): name is QueryKey {
  return Object.hasOwn(queryKeys, name);
}

export function definitionOf(key: QueryKey): KeyDefinition {
  return queryKeys[key];
}
