import { expect } from 'vitest';
import { answerMessage } from './compatible-fixture.ts';

/**
 * Every route that clients of the system before this one call, with all that they rely on. Paths, parameters and
 * keys of it are never removed; what it answered wrongly has the right value here.
 */
export interface CompatibleRoute {
  /** Its parameters; each is used by one of the questions at least. */
  readonly takes: readonly string[];
  /** Its statuses; each is answered to one of the questions at least. */
  readonly statuses: readonly number[];
  readonly keys: Shape;
  readonly asks: readonly Question[];
  /** What it answers where nothing was ever recorded. */
  readonly empty: Answer;
}

export interface Answer {
  readonly status?: number;
  /** In full, but for keys of objects; computed by hand from the fixture. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Question extends Answer {
  /** What comes after the path, with `id` in place of what the path has in braces. */
  readonly query?: string;
  readonly id?: string;
  /** A request that changes something, without saying that it is meant. */
  readonly isUnintended?: boolean;
}

/** The keys of each object in an answer by its path. `free`: an object of others, such as headers. */
export type Shape = Readonly<Record<string, Keys | 'map' | 'free'>>;
interface Keys {
  /** In every such object. */
  readonly always?: string;
  /** Left out where there is nothing to say; in one of the answers at least. */
  readonly sometimes?: string;
  /** Beside those of the system before. */
  readonly added?: string;
}

/** Quantiles come from sketches that are at most 1 % off. */
const about = (value: number) => expect.closeTo(value, -Math.log10(value / 50));
const range = 'start=2026-03-01T00:00:00.000Z&end=2026-03-03T00:00:00.000Z';
const echo = { startTime: '2026-03-01T00:00:00.000Z', endTime: '2026-03-03T00:00:00.000Z' };
const twoStatuses = [200, 400];
const withoutRange: Question = {
  status: 400,
  body: { error: 'start and end parameters are required' },
};

const summaryKeys: Keys = {
  always: 'requestId timestamp method endpoint',
  sometimes:
    'model originalModel routedModel provider subagentName toolsUsed toolCallCount statusCode responseTime firstByteTime usage',
  added:
    'outcome isStreaming tag sessionId agentId parentAgentId requestClass clientVersion answeredModel stopReason errorType problem requestBytes responseBytes sequence',
};
const usageKeys: Keys = {
  always: 'input_tokens output_tokens',
  sometimes: 'cache_creation_input_tokens cache_read_input_tokens service_tier',
};
const summaryRow = (at: string): Shape => ({ [at]: summaryKeys, [`${at}.usage`]: usageKeys });

const logRow = (at: string): Shape => {
  const below = (key: string) => (at === '' ? key : `${at}.${key}`);
  return {
    [at]: {
      always: 'requestId timestamp method endpoint headers body userAgent contentType',
      sometimes: 'model originalModel routedModel provider subagentName toolsUsed toolCallCount response',
      added:
        'answeredModel outcome isStreaming tag sessionId agentId parentAgentId requestClass clientVersion stopReason errorType problem usage requestBytes responseBytes sequence headerList bodyText bodyTruncated bodyUrl bodyProblem query responseHeaderList responseTrailers toolsCalled usageDetails timings sha256 unaltered bytesMissing routeReason upstreamTarget errorMessage cause format promptId clientRequestId upstreamRequestId messageId providerRequest providerResponse attempts dropped coreId coreVersion',
    },
    [below('headers')]: 'free',
    [below('body')]: 'free',
    [below('usage')]: usageKeys,
    [below('usageDetails')]: 'free',
    [below('timings')]: 'free',
    [below('sha256')]: 'free',
    [below('unaltered')]: 'free',
    [below('bytesMissing')]: 'free',
    [below('attempts[]')]: 'free',
    [below('response')]: {
      always: 'statusCode headers responseTime isStreaming completedAt',
      sometimes: 'body bodyText firstByteTime streamingChunks toolCallCount',
      added: 'bodyUrl bodyTruncated bodyProblem',
    },
    [below('response.headers')]: 'free',
    [below('response.body')]: 'free',
  };
};

const first = {
  requestId: '{id1}',
  timestamp: '2026-03-01T10:00:00.000Z',
  method: 'POST',
  endpoint: '/v1/messages',
  model: 'claude-large-1',
  originalModel: 'claude-large-1',
  routedModel: 'claude-large-1',
  provider: 'anthropic',
  toolsUsed: ['Read', 'Write'],
  toolCallCount: 2,
};
const firstRow = {
  ...first,
  statusCode: 200,
  responseTime: 200,
  firstByteTime: 50,
  usage: {
    input_tokens: 10,
    output_tokens: 20,
    cache_creation_input_tokens: 40,
    cache_read_input_tokens: 30,
  },
};
const secondRow = {
  requestId: '{id2}',
  timestamp: '2026-03-01T23:59:59.999Z',
  model: 'claude-small-1',
  originalModel: 'claude-small-1',
  routedModel: 'other-model',
  provider: 'openai',
  subagentName: 'reviewer',
  statusCode: 200,
  responseTime: 400,
  firstByteTime: 100,
  usage: { input_tokens: 5, output_tokens: 6, service_tier: 'standard' },
};
const thirdRow = { requestId: '{id3}', statusCode: 529, responseTime: 600, firstByteTime: 600 };
const fourthRow = { requestId: '{id4}', method: 'GET', endpoint: '/v1/models' };
const allRows = [fourthRow, thirdRow, secondRow, firstRow];

const firstLog = {
  ...first,
  headers: {
    'User-Agent': ['example-agent/1'],
    'Content-Type': ['application/json'],
    'X-Api-Key': ['fp:0123'],
  },
  body: { model: 'claude-large-1', messages: [{ role: 'user', content: 'Sort it' }] },
  userAgent: 'example-agent/1',
  contentType: 'application/json',
  response: {
    statusCode: 200,
    headers: { 'Request-Id': ['req_1'], 'X-Twice': ['a', 'b'] },
    body: {
      role: 'assistant',
      stop_reason: 'end_turn',
      content: [{ type: 'text', text: 'Good morning' }],
      usage: { input_tokens: 12, output_tokens: 5, cache_read_input_tokens: 34 },
    },
    responseTime: 200,
    firstByteTime: 50,
    isStreaming: true,
    completedAt: '2026-03-01T10:00:00.081Z',
    toolCallCount: 2,
  },
};
const thirdLog = {
  requestId: '{id3}',
  response: {
    statusCode: 529,
    bodyText: '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}',
    isStreaming: false,
  },
};

const unknownRequest: Question = { id: 'ffffffffffffffff', status: 404, body: { code: 'not-found' } };
const oneRequest = (at: string, wrapped: (log: object) => unknown): CompatibleRoute => ({
  takes: [],
  statuses: [200, 400, 404],
  keys: at === '' ? logRow('') : { '': { always: 'request fullId' }, ...logRow(at) },
  asks: [
    { id: '{id1}', body: wrapped(firstLog) },
    { id: '{id2}', body: wrapped({ subagentName: 'reviewer', provider: 'openai' }) },
    { id: '{id3}', body: wrapped(thirdLog) },
    { id: '{id4}', body: wrapped({ requestId: '{id4}', body: null }) },
    // All four begin so.
    { id: '019', status: 400, body: {} },
    { id: '%25', status: 404, body: {} },
    unknownRequest,
  ],
  empty: { status: 404, body: { code: 'not-found' } },
});

const filterQuestions = (wrapped: (rows: readonly object[]) => unknown): Question[] => [
  { query: 'model=LARGE', body: wrapped([thirdRow, firstRow]) },
  { query: 'model=all', body: wrapped(allRows) },
  { query: 'model=%25', body: wrapped([]) },
  { query: 'start=2026-03-01T12:00:00Z&end=2026-03-02T00:00:00Z', body: wrapped([secondRow]) },
  { query: 'start=2026-03-01T05:00:00-05:00&end=2026-03-01T10:00:00.001Z', body: wrapped([firstRow]) },
];

const bucketKeys = 'tokens requests';
const sumsAdded = 'inputTokens outputTokens cacheReadTokens cacheWriteTokens costUsd costUnknown errors';
const timed = 'timeZone startTime endTime';
const modelKeys: Keys = { always: 'tokens requests' };

const firstDay = {
  date: '2026-03-01',
  tokens: 111,
  requests: 2,
  inputTokens: 15,
  outputTokens: 26,
  errors: 0,
  models: { 'claude-large-1': { tokens: 100, requests: 1 }, 'other-model': { tokens: 11, requests: 1 } },
};
const secondDay = {
  date: '2026-03-02',
  tokens: 0,
  requests: 2,
  errors: 2,
  models: { 'claude-large-1': { tokens: 0, requests: 1 }, unknown: { tokens: 0, requests: 1 } },
};

const daily: CompatibleRoute = {
  takes: ['start', 'end'],
  statuses: twoStatuses,
  keys: {
    '': { always: 'dailyStats', added: timed },
    'dailyStats[]': { always: `date ${bucketKeys}`, sometimes: 'models', added: sumsAdded },
    'dailyStats[].models': 'map',
    'dailyStats[].models.*': modelKeys,
  },
  asks: [
    { query: range, body: { dailyStats: [firstDay, secondDay], ...echo } },
    // Half open: the last millisecond of the first day is in, the first of the second is not.
    {
      query: 'start=2026-03-01T23:59:59.999Z&end=2026-03-02T00:00:00.000Z',
      body: { dailyStats: [{ date: '2026-03-01', tokens: 11, requests: 1 }] },
    },
    { query: 'start=garbage&end=2026-03-02', status: 400, body: { code: 'bad-parameter' } },
  ],
  empty: { body: { dailyStats: [] } },
};

const ranged = (keys: Shape, body: object, emptyBody: object): CompatibleRoute => ({
  takes: ['start', 'end'],
  statuses: twoStatuses,
  keys,
  asks: [{ query: range, body }, withoutRange, { ...withoutRange, query: 'start=2026-03-01' }],
  empty: { body: emptyBody },
});

const hourly = ranged(
  {
    '': { always: 'hourlyStats todayTokens todayRequests avgResponseTime', added: timed },
    'hourlyStats[]': { always: `hour ${bucketKeys}`, sometimes: 'models', added: sumsAdded },
    'hourlyStats[].models': 'map',
    'hourlyStats[].models.*': modelKeys,
  },
  {
    hourlyStats: [
      { hour: 0, tokens: 0, requests: 1, models: { 'claude-large-1': { tokens: 0, requests: 1 } } },
      { hour: 10, tokens: 100, requests: 1 },
      { hour: 12, tokens: 0, requests: 1 },
      { hour: 23, tokens: 11, requests: 1 },
    ],
    todayTokens: 111,
    todayRequests: 4,
    // (200 + 400 + 600) / 3: of the fourth no time is known.
    avgResponseTime: 400,
  },
  { hourlyStats: [], todayTokens: 0, todayRequests: 0, avgResponseTime: 0 },
);

const models = ranged(
  {
    '': { always: 'modelStats', added: 'startTime endTime' },
    'modelStats[]': { always: 'model tokens requests', added: sumsAdded },
  },
  {
    modelStats: [
      { model: 'claude-large-1', tokens: 100, requests: 2 },
      { model: 'other-model', tokens: 11, requests: 1 },
      { model: 'unknown', tokens: 0, requests: 1 },
    ],
  },
  { modelStats: [] },
);

const providerSums = (key: string): Shape => ({
  [key]: {
    always: 'provider requests inputTokens outputTokens totalTokens avgResponseMs errorCount',
    added: 'cacheReadTokens cacheWriteTokens costUsd costUnknown errors',
  },
});
const providerRows = [
  // (200 + 600) / 2, and all tokens of caches with it.
  {
    provider: 'anthropic',
    requests: 3,
    inputTokens: 10,
    outputTokens: 20,
    totalTokens: 100,
    avgResponseMs: 400,
    errorCount: 2,
  },
  {
    provider: 'openai',
    requests: 1,
    inputTokens: 5,
    outputTokens: 6,
    totalTokens: 11,
    avgResponseMs: 400,
    errorCount: 0,
  },
];
const providers = ranged(
  { '': { always: 'providers startTime endTime' }, ...providerSums('providers[]') },
  { providers: providerRows, ...echo },
  { providers: [], ...echo },
);

const subagentSums = (key: string): Shape => ({
  [key]: {
    always: 'subagentName provider targetModel requests inputTokens outputTokens totalTokens avgResponseMs',
    added: 'cacheReadTokens cacheWriteTokens costUsd costUnknown errors',
  },
});
const subagentRows = [
  {
    subagentName: 'reviewer',
    provider: 'openai',
    targetModel: 'other-model',
    requests: 1,
    inputTokens: 5,
    outputTokens: 6,
    totalTokens: 11,
    avgResponseMs: 400,
  },
];
const subagents = ranged(
  { '': { always: 'subagents startTime endTime' }, ...subagentSums('subagents[]') },
  { subagents: subagentRows, ...echo },
  { subagents: [], ...echo },
);

const tools = ranged(
  {
    '': { always: 'tools startTime endTime' },
    'tools[]': { always: 'toolName usageCount callCount avgCallsPerRequest', added: 'declaredCount' },
  },
  {
    tools: [
      { toolName: 'Read', usageCount: 1, callCount: 2, avgCallsPerRequest: 2, declaredCount: 1 },
      { toolName: 'Write', usageCount: 1, callCount: 1, avgCallsPerRequest: 1, declaredCount: 2 },
    ],
    ...echo,
  },
  { tools: [], ...echo },
);

const performance = ranged(
  {
    '': { always: 'stats startTime endTime' },
    'stats[]': {
      always:
        'provider model avgResponseMs p50ResponseMs p95ResponseMs p99ResponseMs avgFirstByteMs requestCount',
      added:
        'avgFirstTokenMs medianOutputTokensPerSecond p10OutputTokensPerSecond p90OutputTokensPerSecond p50FirstByteMs p95FirstByteMs p99FirstByteMs p50FirstTokenMs p95FirstTokenMs p99FirstTokenMs',
    },
  },
  {
    stats: [
      {
        provider: 'anthropic',
        model: 'claude-large-1',
        requestCount: 2,
        avgResponseMs: 400,
        p50ResponseMs: about(200),
        p95ResponseMs: about(600),
        p99ResponseMs: about(600),
        avgFirstByteMs: 325,
        avgFirstTokenMs: 60,
        // 20 tokens between 60 and 200 ms.
        medianOutputTokensPerSecond: about(142.86),
      },
      {
        provider: 'openai',
        model: 'claude-small-1',
        requestCount: 1,
        avgResponseMs: 400,
        p50ResponseMs: about(400),
        p95ResponseMs: about(400),
        p99ResponseMs: about(400),
        avgFirstByteMs: 100,
        avgFirstTokenMs: null,
        medianOutputTokensPerSecond: null,
      },
    ],
    ...echo,
  },
  { stats: [], ...echo },
);

const conversationKeys = (at: string): Shape => {
  const messages = at === '' ? 'messages[]' : `${at}.messages[]`;
  return {
    [at]: {
      always: 'sessionId projectPath projectName messages startTime endTime messageCount',
      added: 'truncated',
    },
    [messages]: {
      always: 'parentUuid isSidechain userType cwd sessionId version type message uuid timestamp',
      sometimes: at === '' ? 'gitBranch requestId isMeta' : 'gitBranch',
      added: 'agentId gitBranch requestId isMeta',
    },
    [`${messages}.message`]: 'free',
  };
};
const session = {
  sessionId: 's1',
  projectPath: '-home-me-my-app',
  projectName: '-home-me-my-app',
  startTime: '2026-03-01T10:00:00.000Z',
  endTime: '2026-03-01T10:00:05.000Z',
  messageCount: 4,
  messages: [
    { type: 'mode', uuid: '', parentUuid: null, message: null },
    { type: 'user', uuid: 'u1', message: { role: 'user', content: 'Sort the zebra list' } },
    { type: 'user', uuid: 'm1', isMeta: true },
    {
      type: 'assistant',
      uuid: 'a1',
      parentUuid: 'u1',
      isSidechain: false,
      userType: 'external',
      cwd: '/home/me/my-app',
      sessionId: 's1',
      version: '2.1.0',
      gitBranch: 'main',
      requestId: 'req_one',
      message: answerMessage,
    },
  ],
};
const noConversation: Question = { id: 'nobody', status: 404, body: { error: 'Conversation not found' } };
const noProject: Question = { status: 400, body: { error: 'Project path is required' } };

const searchRoute: CompatibleRoute = {
  takes: ['q', 'limit', 'offset', 'project'],
  statuses: twoStatuses,
  keys: {
    '': { always: 'query results total limit offset' },
    'results[]': { always: 'conversationId projectName projectPath matchCount lastActivity' },
  },
  asks: [
    {
      query: 'q=zebra',
      body: {
        query: 'zebra',
        results: [
          {
            conversationId: 's1',
            projectName: '-home-me-my-app',
            projectPath: '-home-me-my-app',
            matchCount: 2,
          },
        ],
        total: 1,
        limit: 50,
        offset: 0,
      },
    },
    { query: 'q=zebra&project=-home-me-web', body: { results: [], total: 0 } },
    { query: 'q=zebra&limit=1&offset=1', body: { results: [], total: 1, limit: 1, offset: 1 } },
    { query: 'q=zebra&limit=201', body: { limit: 50 } },
    { query: 'q=zebra%20nowhere', body: { results: [], total: 0 } },
    { query: 'q=%20', body: { results: [], total: 0 } },
    { status: 400, body: { error: "Query parameter 'q' is required" } },
  ],
  empty: { body: { results: [], total: 0, limit: 50, offset: 0 } },
};

const providerKeys: Keys = {
  always: 'format base_url max_retries circuit_breaker',
  sometimes: 'api_key version fallback_provider',
  added: 'allow_http retries',
};
const providerShape = (at: string): Shape => ({
  [at]: providerKeys,
  [`${at}.circuit_breaker`]: { always: 'enabled max_failures timeout' },
  [`${at}.retries`]: 'free',
});
const configured = {
  anthropic: {
    format: 'anthropic',
    base_url: 'https://api.anthropic.com',
    version: '2023-06-01',
    max_retries: 3,
    fallback_provider: 'openai',
    circuit_breaker: { enabled: true, max_failures: 5, timeout: '30s' },
  },
  openai: { format: 'openai', base_url: 'https://api.openai.com', api_key: '***REDACTED***', max_retries: 0 },
};
const mapped = { enable: true, mappings: { reviewer: 'openai:other-model' } };

const projectKeys = 'agent_count file_count id last_modified name path session_count total_size';
const projectIds = ['-home-me-my-app', '-home-me-web'] as const;
const planFacts = { display_name: 'Brave Plan', file_name: 'brave-plan.md', file_size: 7 };
const ownTodos = [
  { content: 'a', status: 'pending', active_form: 'A' },
  { content: 'b', status: 'completed', active_form: 'B' },
];
const listFacts = 'agent_uuid file_path modified_at session_uuid';
const isInstant = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const isSecond = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
const missingFile = 'File not found or not readable';

export const compatibleRoutes: Readonly<Record<string, CompatibleRoute>> = {
  'GET /api/requests': {
    takes: ['page', 'limit', 'model'],
    statuses: [200],
    keys: { '': { always: 'requests total' }, ...logRow('requests[]') },
    asks: [
      { body: { requests: [{ requestId: '{id4}' }, thirdLog, { requestId: '{id2}' }, firstLog], total: 4 } },
      { query: 'page=2&limit=3', body: { requests: [firstLog], total: 4 } },
      { query: 'page=9', body: { requests: [], total: 4 } },
      { query: 'model=small', body: { requests: [{ requestId: '{id2}' }], total: 1 } },
    ],
    empty: { body: { requests: [], total: 0 } },
  },
  'GET /api/requests/summary': {
    takes: ['model', 'start', 'end', 'offset', 'limit'],
    statuses: [200],
    keys: { '': { always: 'requests total offset limit', added: 'nextCursor' }, ...summaryRow('requests[]') },
    asks: [
      { body: { requests: allRows, total: 4, offset: 0, limit: 0 } },
      { query: 'offset=3', body: { requests: [firstRow], total: 4, offset: 3, limit: 0 } },
      { query: 'offset=1&limit=2', body: { requests: [thirdRow, secondRow], total: 4, offset: 1, limit: 2 } },
      { query: 'limit=100001', body: { requests: allRows, limit: 0 } },
      // Half a range is none.
      { query: 'start=2026-03-02', body: { requests: allRows } },
      ...filterQuestions((requests) => ({ requests, total: requests.length })),
    ],
    empty: { body: { requests: [], total: 0, offset: 0, limit: 0, nextCursor: null } },
  },
  'GET /api/requests/latest-date': {
    takes: [],
    statuses: [200],
    keys: { '': { always: 'latestDate' } },
    asks: [{ body: { latestDate: '2026-03-02T12:00:00.000Z' } }],
    empty: { body: { latestDate: null } },
  },
  'GET /api/requests/{id}': oneRequest('request', (request) => ({ request })),
  'GET /api/stats': daily,
  'GET /api/stats/hourly': hourly,
  'GET /api/stats/models': models,
  'GET /api/stats/providers': providers,
  'GET /api/stats/subagents': subagents,
  'GET /api/stats/tools': tools,
  'GET /api/stats/performance': performance,
  'GET /api/conversations': {
    takes: ['page', 'limit', 'model'],
    statuses: [200],
    keys: {
      '': { always: 'conversations' },
      'conversations[]': {
        always: 'duration firstMessage id lastActivity projectName requestCount startTime',
      },
    },
    asks: [
      {
        body: {
          conversations: [
            {
              id: 's2',
              projectName: '-home-me-web',
              duration: 0,
              firstMessage: `${'é'.repeat(200)}...`,
              requestCount: 1,
            },
            {
              id: 's1',
              projectName: '-home-me-my-app',
              startTime: '2026-03-01T10:00:00.000Z',
              lastActivity: '2026-03-01T10:00:05.000Z',
              duration: 5000,
              firstMessage: 'Sort the zebra list',
              requestCount: 4,
            },
          ],
        },
      },
      { query: 'page=2&limit=1&model=x', body: { conversations: [{ id: 's1' }] } },
      { query: 'page=9', body: { conversations: [] } },
    ],
    empty: { body: { conversations: [] } },
  },
  'GET /api/conversations/{id}': {
    takes: ['project'],
    statuses: [200, 400, 404],
    keys: conversationKeys(''),
    asks: [
      { id: 's1', query: 'project=-home-me-my-app', body: session },
      { ...noConversation, query: 'project=-home-me-my-app' },
      { ...noConversation, id: 's1', query: 'project=-home-me-web' },
      { ...noConversation, id: 's1', query: 'project=../../secret' },
      { ...noProject, id: 's1' },
    ],
    empty: { status: 404, body: noConversation.body },
  },
  'GET /api/conversations/project': {
    takes: ['project'],
    statuses: twoStatuses,
    keys: conversationKeys('[]'),
    asks: [
      { query: 'project=-home-me-my-app', body: [session] },
      { query: 'project=-nowhere', body: [] },
      noProject,
    ],
    empty: { body: [] },
  },
  'GET /api/conversations/search': searchRoute,
  'GET /api/v2/conversations/search': searchRoute,
  'GET /api/v2/requests/summary': {
    takes: ['model', 'start', 'end', 'offset', 'limit'],
    statuses: [200],
    keys: summaryRow('[]'),
    asks: [
      { body: allRows, headers: { 'X-Total-Count': '4', 'X-Offset': '0', 'X-Limit': '100' } },
      {
        query: 'offset=1&limit=1',
        body: [thirdRow],
        headers: { 'X-Total-Count': '4', 'X-Offset': '1', 'X-Limit': '1' },
      },
      { query: 'limit=0', body: allRows, headers: { 'X-Limit': '100' } },
      ...filterQuestions((rows) => rows),
    ],
    empty: { body: [], headers: { 'X-Total-Count': '0', 'X-Offset': '0', 'X-Limit': '100' } },
  },
  'GET /api/v2/requests/{id}': oneRequest('', (log) => log),
  'GET /api/v2/conversations': {
    takes: [],
    statuses: [200],
    keys: {
      '[]': {
        always: 'id projectPath projectName startTime lastActivity requestCount',
        added: 'messageCount title cwd firstMessage kind',
      },
    },
    asks: [
      {
        body: [
          { id: 's2', requestCount: 1 },
          {
            id: 's1',
            projectPath: '-home-me-my-app',
            projectName: '-home-me-my-app',
            startTime: '2026-03-01T10:00:00.000Z',
            lastActivity: '2026-03-01T10:00:05.000Z',
            requestCount: 4,
            messageCount: 4,
            cwd: '/home/me/my-app',
          },
        ],
      },
    ],
    empty: { body: [] },
  },
  'GET /api/v2/conversations/{id}': {
    takes: [],
    statuses: [200, 404],
    keys: conversationKeys(''),
    asks: [{ id: 's1', body: session }, noConversation],
    empty: { status: 404, body: noConversation.body },
  },
  'GET /api/v2/conversations/{id}/messages': {
    takes: ['limit', 'offset', 'include_subagents'],
    statuses: [200],
    keys: {
      '': { always: 'conversationId messages total offset limit' },
      'messages[]': {
        always: 'uuid conversationId type timestamp isSidechain',
        sometimes:
          'parentUuid role cwd gitBranch sessionId agentId requestId model inputTokens outputTokens cacheReadTokens cacheCreationTokens content',
      },
      'messages[].content': 'free',
    },
    asks: [
      {
        id: 's1',
        query: 'include_subagents=true',
        body: {
          total: 4,
          limit: 100,
          messages: [{ uuid: 'u1' }, { uuid: 'm1' }, { uuid: 'b1', agentId: 'x1' }, { uuid: 'a1' }],
        },
      },
      {
        id: 's1',
        query: 'limit=1&offset=2',
        body: {
          conversationId: 's1',
          total: 3,
          limit: 1,
          offset: 2,
          messages: [
            {
              uuid: 'a1',
              conversationId: 's1',
              parentUuid: 'u1',
              type: 'assistant',
              role: 'assistant',
              timestamp: '2026-03-01T10:00:05.000Z',
              cwd: '/home/me/my-app',
              gitBranch: 'main',
              sessionId: 's1',
              requestId: 'req_one',
              model: 'claude-large-1',
              isSidechain: false,
              inputTokens: 1,
              outputTokens: 2,
              cacheReadTokens: 3,
              cacheCreationTokens: 4,
              content: answerMessage,
            },
          ],
        },
      },
      {
        id: 's1',
        query: 'include_subagents=1',
        body: { total: 3, messages: [{ uuid: 'u1' }, { uuid: 'm1' }, { uuid: 'a1' }] },
      },
      { id: 'nobody', body: { conversationId: 'nobody', messages: [], total: 0 } },
    ],
    empty: { body: { messages: [], total: 0, limit: 100, offset: 0 } },
  },
  'POST /api/v2/conversations/reindex': {
    takes: [],
    statuses: twoStatuses,
    keys: { '': { always: 'message status' } },
    asks: [
      { body: { status: 'ok', message: expect.any(String) } },
      { isUnintended: true, status: 400, body: {} },
    ],
    empty: { body: { status: 'ok' } },
  },
  'GET /api/v2/stats': daily,
  'GET /api/v2/stats/hourly': hourly,
  'GET /api/v2/stats/models': models,
  'GET /api/v2/stats/providers': providers,
  'GET /api/v2/stats/subagents': subagents,
  'GET /api/v2/stats/tools': tools,
  'GET /api/v2/stats/performance': performance,
  'GET /api/v2/config': {
    takes: [],
    statuses: [200],
    keys: {
      '': {
        always: 'server providers storage subagents routing',
        added: 'core default_provider routes journal recorder transcripts prices log',
      },
      // Its names are those of the file: nobody reads the old ones in Pascal case with nanoseconds.
      server: 'free',
      core: 'free',
      journal: 'free',
      recorder: 'free',
      transcripts: 'free',
      prices: 'free',
      log: 'free',
      providers: 'map',
      ...providerShape('providers.*'),
      storage: { always: 'db_path', added: 'engine requests_dir' },
      subagents: { always: 'enable mappings' },
      'subagents.mappings': 'free',
      routing: { always: 'preferences tasks provider_profiles' },
      'routing.preferences': { always: 'default' },
    },
    asks: [
      {
        body: {
          providers: configured,
          subagents: mapped,
          server: { port: 3000, timeouts: {} },
          storage: { db_path: expect.stringMatching(/throughline\.db$/) },
          routing: { preferences: { default: 'balanced' }, tasks: null, provider_profiles: null },
        },
      },
    ],
    empty: { body: { subagents: { enable: false, mappings: {} } } },
  },
  'GET /api/v2/config/providers': {
    takes: [],
    statuses: [200],
    keys: { '': 'map', ...providerShape('*') },
    asks: [{ body: configured }],
    empty: { body: { anthropic: { format: 'anthropic' } } },
  },
  'GET /api/v2/config/subagents': {
    takes: [],
    statuses: [200],
    keys: { '': { always: 'enable mappings' }, mappings: 'free' },
    asks: [{ body: mapped }],
    empty: { body: { enable: false, mappings: {} } },
  },
  'GET /api/v2/routing/config': {
    takes: [],
    statuses: [200],
    keys: {
      '': { always: 'providers subagents', added: 'default_provider routes' },
      providers: 'map',
      'providers.*': {
        always: 'base_url circuit_breaker fallback_provider format max_retries',
        added: 'fallback',
      },
      'providers.*.circuit_breaker': { always: 'enabled max_failures timeout' },
      subagents: { always: 'enable mappings' },
      'subagents.mappings': 'free',
      'routes[]': 'free',
    },
    asks: [
      {
        body: {
          providers: {
            anthropic: {
              base_url: 'https://api.anthropic.com',
              circuit_breaker: { enabled: true, max_failures: 5, timeout: '30s' },
              fallback_provider: 'openai',
              format: 'anthropic',
              max_retries: 3,
            },
            openai: { fallback_provider: '' },
          },
          subagents: mapped,
        },
      },
    ],
    empty: { body: { subagents: { enable: false, mappings: {} } } },
  },
  'GET /api/v2/routing/providers': {
    takes: [],
    statuses: [200],
    keys: { '[]': { always: 'name healthy', sometimes: 'fallback_provider', added: 'format fallback' } },
    asks: [
      {
        body: [
          { name: 'anthropic', healthy: true, fallback_provider: 'openai' },
          { name: 'openai', healthy: true },
        ],
      },
    ],
    empty: { body: [{ name: 'anthropic', healthy: true }] },
  },
  'GET /api/v2/routing/stats': {
    takes: ['start', 'end'],
    statuses: [200],
    keys: {
      '': { always: 'providers subagents timeRange' },
      providers: { always: 'providers startTime endTime' },
      ...providerSums('providers.providers[]'),
      subagents: { always: 'subagents startTime endTime' },
      ...subagentSums('subagents.subagents[]'),
      timeRange: { always: 'start end' },
    },
    asks: [
      {
        query: range,
        body: {
          providers: { providers: providerRows, ...echo },
          subagents: { subagents: subagentRows, ...echo },
          timeRange: { start: echo.startTime, end: echo.endTime },
        },
      },
      // The last 24 hours.
      { body: { providers: { providers: [] }, subagents: { subagents: [] } } },
    ],
    empty: { body: { providers: { providers: [] }, subagents: { subagents: [] } } },
  },
  'GET /api/v2/claude/config': {
    takes: [],
    statuses: [200],
    keys: {
      '': {
        always: 'settings claude_md mcp_config',
        sometimes: 'settings_error claude_md_error mcp_config_error',
      },
      settings: { always: 'model default_mode permissions plugins raw' },
      'settings.permissions': { always: 'bash tools mcp other' },
      'settings.plugins': { always: 'enabled disabled' },
      'settings.raw': 'free',
      claude_md: { always: 'content sections' },
      'claude_md.sections[]': { always: 'name position' },
      mcp_config: { always: 'servers raw' },
      'mcp_config.servers[]': { always: 'name command type', sometimes: 'args', added: 'url' },
      'mcp_config.raw': 'free',
    },
    asks: [
      {
        body: {
          settings: {
            model: 'opus',
            default_mode: 'plan',
            permissions: { bash: ['ls'], tools: ['Read(src)'], mcp: ['mcp__files'], other: ['Write'] },
            plugins: { enabled: ['one'], disabled: ['two'] },
            raw: { env: { SOME_KEY: '***REDACTED***' } },
          },
          // One character of two bytes stands before it.
          claude_md: { content: 'é<memory>x</memory>', sections: [{ name: 'memory', position: 2 }] },
          mcp_config: {
            servers: [{ name: 'files', command: 'npx', type: 'stdio', args: ['-y'] }],
            raw: { mcpServers: { files: { env: { TOKEN: '***REDACTED***' } } } },
          },
        },
      },
    ],
    empty: {
      body: {
        settings: null,
        settings_error: missingFile,
        claude_md: null,
        claude_md_error: missingFile,
        mcp_config: null,
        mcp_config_error: missingFile,
      },
    },
  },
  'GET /api/v2/claude/projects': {
    takes: [],
    statuses: [200],
    keys: {
      '': { always: 'projects total_count total_size' },
      'projects[]': { always: `created ${projectKeys}`, added: 'path_known' },
    },
    asks: [
      {
        body: {
          projects: [
            {
              id: projectIds[1],
              name: 'web',
              session_count: 1,
              agent_count: 0,
              last_modified: '2026-03-03T00:00:00.000Z',
            },
            {
              id: projectIds[0],
              name: 'my-app',
              path: '/home/me/my-app',
              session_count: 1,
              agent_count: 1,
              file_count: 2,
              last_modified: '2026-03-02T00:00:00.000Z',
              created: isInstant,
            },
          ],
          total_count: 2,
        },
      },
    ],
    empty: { body: { projects: [], total_count: 0, total_size: 0 } },
  },
  'GET /api/v2/claude/projects/{id}': {
    takes: [],
    statuses: [200, 404],
    keys: {
      '': { always: `${projectKeys} sessions size_breakdown`, added: 'path_known' },
      'sessions[]': { always: 'file id is_agent modified size' },
      size_breakdown: { always: 'agents sessions' },
    },
    asks: [
      {
        id: projectIds[1],
        body: {
          id: projectIds[1],
          path: '/home/me/web',
          session_count: 1,
          sessions: [{ id: 's2', file: 's2.jsonl', is_agent: false }],
          size_breakdown: { agents: 0 },
        },
      },
      { id: '-home-me', status: 404, body: { error: 'Project not found' } },
      { id: '..%2F..', status: 404, body: { error: 'Project not found' } },
    ],
    empty: { status: 404, body: { error: 'Project not found' } },
  },
  'GET /api/v2/claude/todos': {
    takes: [],
    statuses: [200],
    keys: {
      '': { always: 'last_indexed non_empty_files sessions status_breakdown total_files' },
      'sessions[]': {
        always: `${listFacts} completed_count file_size in_progress_count pending_count todo_count`,
      },
      status_breakdown: { always: 'completed in_progress pending' },
    },
    asks: [
      {
        body: {
          total_files: 3,
          non_empty_files: 2,
          status_breakdown: { pending: 1, in_progress: 1, completed: 1 },
          last_indexed: isSecond,
          // The last changed first.
          sessions: [
            { session_uuid: 's2', agent_uuid: 's2', todo_count: 0, file_size: 2 },
            { session_uuid: 's1', agent_uuid: 'x1', todo_count: 1, in_progress_count: 1 },
            {
              session_uuid: 's1',
              agent_uuid: 's1',
              file_path: '{dir}/todos/s1-agent-s1.json',
              modified_at: '2026-03-07T00:00:00.000Z',
              todo_count: 2,
              pending_count: 1,
              in_progress_count: 0,
              completed_count: 1,
            },
          ],
        },
      },
    ],
    empty: {
      body: {
        sessions: [],
        total_files: 0,
        non_empty_files: 0,
        status_breakdown: { pending: 0, in_progress: 0, completed: 0 },
      },
    },
  },
  'GET /api/v2/claude/todos/{id}': {
    takes: [],
    statuses: [200, 404],
    keys: {
      '': { always: `${listFacts} todos`, added: 'lists' },
      'todos[]': { always: 'active_form content status' },
      'lists[]': 'free',
    },
    asks: [
      {
        id: 's1',
        body: {
          session_uuid: 's1',
          agent_uuid: 's1',
          file_path: '{dir}/todos/s1-agent-s1.json',
          modified_at: isInstant,
          todos: ownTodos,
        },
      },
      // An emptied list is one; the system before had none for it.
      { id: 's2', body: { todos: [] } },
      { id: 's3', status: 404, body: { error: 'Session not found' } },
    ],
    empty: { status: 404, body: { error: 'Session not found' } },
  },
  'POST /api/v2/claude/todos/reindex': {
    takes: [],
    statuses: twoStatuses,
    keys: { '': { always: 'duration errors files_processed plans_indexed todos_indexed' } },
    asks: [
      { body: { files_processed: 4, todos_indexed: 3, plans_indexed: 1, errors: [] } },
      { isUnintended: true, status: 400, body: {} },
    ],
    empty: { body: { files_processed: 0, todos_indexed: 0, plans_indexed: 0, errors: [] } },
  },
  'GET /api/v2/claude/plans': {
    takes: [],
    statuses: [200],
    keys: {
      '': { always: 'last_indexed plans total_count total_size' },
      'plans[]': { always: 'display_name file_name file_size id modified_at preview' },
    },
    asks: [
      {
        body: {
          plans: [{ ...planFacts, id: expect.any(Number), modified_at: isInstant, preview: '# Brave' }],
          total_count: 1,
          total_size: 7,
          last_indexed: isSecond,
        },
      },
    ],
    empty: { body: { plans: [], total_count: 0, total_size: 0 } },
  },
  'GET /api/v2/claude/plans/{id}': {
    takes: [],
    statuses: [200, 400, 404],
    keys: { '': { always: 'content display_name file_name file_size id modified_at' } },
    asks: [
      { id: '{plan}', body: { ...planFacts, content: '# Brave' } },
      { id: 'brave-plan.md', status: 400, body: { error: 'Invalid plan ID' } },
      { id: '1', status: 404, body: { error: 'Plan not found' } },
    ],
    empty: { status: 404, body: { error: 'Plan not found' } },
  },
  // The last one: what it leaves is nothing.
  'DELETE /api/requests': {
    takes: [],
    statuses: twoStatuses,
    keys: { '': { always: 'deleted message' } },
    asks: [
      { isUnintended: true, status: 400, body: {} },
      { body: { deleted: 4, message: 'Request history cleared' } },
      { body: { deleted: 0, message: 'Request history cleared' } },
    ],
    empty: { body: { deleted: 0, message: 'Request history cleared' } },
  },
};
