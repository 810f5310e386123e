import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatConfigProblem, type LoadedConfig, loadConfig } from '#config';
import type { Exchange } from '#exchange';
import { makeTempDir, waitFor } from '#test-support';
import { exampleExchange, plainAnswer } from './example-exchange.ts';
import { type RunningServer, runServer } from './running-server.ts';

export interface CompatibleFixture extends AsyncDisposable {
  readonly server: RunningServer;
  /** What stands for `{…}` in paths and answers of the table. */
  readonly names: Readonly<Record<string, string>>;
}

interface Recorded {
  readonly received: string;
  readonly facts: Partial<Exchange>;
  readonly unknown: readonly (keyof Exchange)[];
  readonly request?: string;
  readonly response?: string;
}

const mainAgent = ['agentId', 'agentName'] as const;

/** Four requests on two days: what every number in the table of routes is computed from. */
const recorded: readonly Recorded[] = [
  {
    received: '2026-03-01T10:00:00.000Z',
    unknown: mainAgent,
    request: JSON.stringify({ model: 'claude-large-1', messages: [{ role: 'user', content: 'Sort it' }] }),
    facts: {
      usage: { inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 },
      firstByteUs: 50_000,
      firstTokenUs: 60_000,
      lastByteUs: 200_000,
      toolsDeclared: ['Read', 'Write'],
      toolsCalled: ['Read', 'Read'],
      requestIdHeader: 'req_one',
    },
  },
  {
    // The last millisecond of its day.
    received: '2026-03-01T23:59:59.999Z',
    unknown: ['firstTokenUs', 'routeReason'],
    request: JSON.stringify({ model: 'claude-small-1', messages: [{ role: 'user', content: 'Review it' }] }),
    response: JSON.stringify({ id: 'x', object: 'chat.completion', choices: [] }),
    facts: {
      ...plainAnswer,
      provider: 'openai',
      askedModel: 'claude-small-1',
      routedModel: 'other-model',
      answeredModel: 'other-model',
      agentId: 'x1',
      agentName: 'reviewer',
      usage: { inputTokens: 5, outputTokens: 6, serviceTier: 'standard' },
      firstByteUs: 100_000,
      lastByteUs: 400_000,
      toolsDeclared: ['Write'],
      toolsCalled: ['Write'],
    },
  },
  {
    received: '2026-03-02T00:00:00.000Z',
    unknown: [...mainAgent, 'answeredModel', 'stopReason', 'messageId', 'firstTokenUs'],
    response: JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Busy' } }),
    facts: {
      ...plainAnswer,
      sessionId: 'session-two',
      status: 529,
      errorType: 'overloaded_error',
      usage: {},
      firstByteUs: 600_000,
      lastByteUs: 600_000,
      toolsDeclared: [],
      toolsCalled: [],
    },
  },
  {
    received: '2026-03-02T12:00:00.000Z',
    unknown: [
      ...mainAgent,
      'askedModel',
      'answeredModel',
      'sessionId',
      'status',
      'stopReason',
      'messageId',
      'firstByteUs',
      'firstTokenUs',
      'lastByteUs',
      'clientVersion',
    ],
    request: '',
    response: '',
    facts: {
      method: 'GET',
      path: '/v1/models',
      outcome: 'upstream-failed',
      problem: 'upstream-unreachable',
      isStreaming: false,
      usage: {},
      toolsDeclared: [],
      toolsCalled: [],
      requestHeaders: [],
      responseHeaders: [],
    },
  },
];

const line = {
  sessionId: 's1',
  userType: 'external',
  cwd: '/home/me/my-app',
  version: '2.1.0',
  gitBranch: 'main',
  isSidechain: false,
};
const question = {
  ...line,
  type: 'user',
  uuid: 'u1',
  parentUuid: null,
  timestamp: '2026-03-01T10:00:00.000Z',
  message: { role: 'user', content: 'Sort the zebra list' },
};
const note = {
  ...question,
  uuid: 'm1',
  parentUuid: 'u1',
  timestamp: '2026-03-01T10:00:01.000Z',
  isMeta: true,
  message: { role: 'user', content: 'A note of the client' },
};
const answer = {
  ...line,
  type: 'assistant',
  uuid: 'a1',
  parentUuid: 'u1',
  timestamp: '2026-03-01T10:00:05.000Z',
  requestId: 'req_one',
  message: {
    id: 'msg_one',
    role: 'assistant',
    model: 'claude-large-1',
    content: [{ type: 'text', text: 'Sorted.' }],
    usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 },
  },
};
export const answerMessage = answer.message;
const agentLine = {
  ...answer,
  uuid: 'b1',
  timestamp: '2026-03-01T10:00:03.000Z',
  agentId: 'x1',
  isSidechain: true,
  requestId: 'req_agent',
  message: { ...answer.message, id: 'msg_agent', content: [{ type: 'text', text: 'Two of a zebra here.' }] },
};

const transcripts: Readonly<Record<string, readonly object[]>> = {
  'projects/-home-me-my-app/s1.jsonl': [
    { type: 'mode', mode: 'default', sessionId: 's1' },
    question,
    note,
    answer,
  ],
  'projects/-home-me-my-app/s1/subagents/agent-x1.jsonl': [agentLine],
  'projects/-home-me-web/s2.jsonl': [
    {
      ...question,
      sessionId: 's2',
      uuid: 'u2',
      cwd: '/home/me/web',
      timestamp: '2026-03-02T08:00:00.000Z',
      message: { role: 'user', content: 'é'.repeat(300) },
    },
  ],
};

const files: Readonly<Record<string, unknown>> = {
  'settings.json': {
    model: 'opus',
    permissions: {
      defaultMode: 'plan',
      allow: ['Bash(ls)', 'mcp__files', 'Read(src)', 'Write'],
      deny: ['x'],
    },
    enabledPlugins: { one: true, two: false },
    env: { SOME_KEY: 'hunter2-hunter2' },
  },
  'CLAUDE.md': 'é<memory>x</memory>',
  '.mcp.json': { mcpServers: { files: { command: 'npx', args: ['-y'], env: { TOKEN: 'hunter2-hunter2' } } } },
  'todos/s1-agent-s1.json': [
    { content: 'a', status: 'pending', activeForm: 'A' },
    { content: 'b', status: 'completed', activeForm: 'B' },
  ],
  'todos/s1-agent-x1.json': [{ content: 'c', status: 'in_progress', activeForm: 'C' }],
  'todos/s2-agent-s2.json': [],
  'plans/brave-plan.md': '# Brave',
};

const settings = `
providers:
  anthropic:
    format: anthropic
    base_url: https://api.anthropic.com
    version: "2023-06-01"
    max_retries: 3
    fallback_provider: openai
    circuit_breaker: { enabled: true, max_failures: 5, timeout: 30s }
  openai:
    format: openai
    base_url: https://api.openai.com
    api_key: not-a-real-key-0123456789
subagents:
  enable: true
  mappings: { reviewer: "openai:other-model" }
`;

/** A server with the history above, indexed; with `isEmpty` one over nothing. */
export async function startCompatibleFixture({ isEmpty = false } = {}): Promise<CompatibleFixture> {
  const directory = makeTempDir('compatible');
  const put = (path: string, text: string) => {
    mkdirSync(dirname(directory.join(path)), { recursive: true });
    writeFileSync(directory.join(path), text);
  };
  put('config.yaml', isEmpty ? '{}' : settings);
  const config = await configIn(directory.join('.'));
  if (!isEmpty) {
    const texts = [
      ...Object.entries(transcripts).map(([path, lines]) => [path, linesOf(lines)] as const),
      ...Object.entries(files).map(([path, content]) => [path, textOf(content)] as const),
    ];
    // Each was changed a day after the one before it.
    for (const [at, [path, text]] of texts.entries()) {
      put(`.claude/${path}`, text);
      const changed = new Date(Date.UTC(2026, 2, 1 + at));
      utimesSync(directory.join('.claude', path), changed, changed);
    }
  }
  const server = await runServer({
    hasThreads: true,
    shown: config.shown,
    routing: config.routing,
    claudeDirs: [directory.join('.claude')],
    transcripts: {
      roots: [{ kind: 'claude', directory: directory.join('.claude/projects') }],
      keepsDeleted: true,
    },
  });
  const stored = isEmpty ? [] : recorded.map(exchangeOf);
  if (stored.length > 0) {
    await server.store(...stored);
    const whole = JSON.stringify({ exchanges: recorded.length, conversations: 2, messages: 4, texts: 2 });
    let now = '';
    const isIndexed = async () => {
      now = JSON.stringify(await indexed(server));
      return now === whole;
    };
    await waitFor(isIndexed, { what: () => `everything to be indexed: ${now}` });
  }
  const names = Object.fromEntries(stored.map(({ exchange }, at) => [`id${at + 1}`, exchange.id]));
  return {
    server,
    names: { ...names, dir: directory.join('.claude') },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      directory.remove();
    },
  };
}

function linesOf(lines: readonly object[]): string {
  return lines.map((each) => `${JSON.stringify(each)}\n`).join('');
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

async function configIn(home: string): Promise<LoadedConfig['config']['data']> {
  const found = await loadConfig({
    configPath: `${home}/config.yaml`,
    env: {},
    homeDir: home,
    platform: 'linux',
    cwd: home,
    processors: 1,
  });
  if (!found.ok) throw new Error(found.problems.map(formatConfigProblem).join('\n'));
  return found.config.data;
}

function exchangeOf({ received, facts, unknown, request, response }: Recorded, at: number) {
  const receivedAtMs = Date.parse(received);
  const stored = exampleExchange({
    number: at + 1,
    facts: { receivedAtMs, ...facts },
    ...(request === undefined ? {} : { request }),
    ...(response === undefined ? {} : { response }),
  });
  const known = Object.entries(stored.exchange).filter(([name]) => !unknown.some((each) => each === name));
  // What is left out above is optional.
  return { ...stored, exchange: Object.fromEntries(known) as unknown as Exchange };
}

/** What of the history is indexed so far. */
async function indexed(server: RunningServer) {
  const health = (await server.json('/health')) as { derived?: { through: number } };
  const listed = (await server.json('/api/v2/conversations')) as unknown[];
  const ofSession = '/api/v2/conversations/s1/messages?include_subagents=true';
  const { total: messages } = (await server.json(ofSession)) as { total: number };
  const { results } = (await server.json('/api/v2/conversations/search?q=zebra')) as {
    results: { matchCount: number }[];
  };
  return {
    exchanges: health.derived?.through,
    conversations: listed.length,
    messages,
    texts: results.reduce((sum, { matchCount }) => sum + matchCount, 0),
  };
}
