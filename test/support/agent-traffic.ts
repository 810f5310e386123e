import { prose, sourceCode } from './agent-prose.ts';
import { agentTools, type Tool } from './agent-tools.ts';
import type { RawHeaders } from './http-wire.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';

export interface AgentTrafficOptions {
  readonly seed?: number;
  /** Requests of the main agent; default 10. */
  readonly turns?: number;
  /** Size of a tool result in bytes: from, below. Default 200 to 3,000. */
  readonly toolResultBytes?: readonly [from: number, below: number];
  /** Characters of the main system prompt; default 7,000. */
  readonly systemBytes?: number;
  /** Number of tools (at most 12) and their size together; default 12 and 31,000. 0 leaves tools out. */
  readonly tools?: number;
  readonly toolBytes?: number;
  /** Every n-th main turn starts a subagent that makes two requests of its own; 0 = none. Default 4. */
  readonly subagentEvery?: number;
  readonly model?: string;
  readonly stream?: boolean;
  readonly apiKey?: string;
  readonly sessionId?: string;
}

export interface AgentRequest {
  readonly method: 'POST';
  readonly target: string;
  /** In the order and case a real client sends them; without Host. */
  readonly headers: RawHeaders;
  readonly body: Buffer;
  readonly sessionId: string;
  readonly agentId?: string;
  /** 1 for the first request of its agent. */
  readonly turn: number;
}

/**
 * The requests of one coding agent's session: invented words, real structure. Every turn resends the whole
 * conversation and adds two messages; the last block of the last message carries `cache_control`, which the next
 * turn leaves out, and a single text block then collapses to a string. The same options give the same bytes.
 */
export function* agentTraffic(options: AgentTrafficOptions = {}): Generator<AgentRequest> {
  const random = seededRandom(options.seed ?? 1);
  const session: Session = {
    id: options.sessionId ?? random.uuid(),
    deviceId: random.hex(64),
    model: options.model ?? 'claude-fake-large',
    stream: options.stream ?? true,
    apiKey: options.apiKey ?? 'sk-ant-fake-for-test',
    resultBytes: options.toolResultBytes ?? [200, 3_000],
  };
  const main = newAgent(random, session, {
    tools: agentTools(random, options.tools ?? 12, options.toolBytes ?? 31_000),
    systemBytes: options.systemBytes ?? 7_000,
    contextBytes: options.systemBytes === undefined ? 9_300 : Math.min(9_300, options.systemBytes),
  });
  const every = options.subagentEvery ?? 4;
  const turns = options.turns ?? 10;
  for (let turn = 1; turn <= turns; turn++) {
    yield requestOf(session, main, turn);
    addTurn(random, session, main);
    if (every > 0 && turn % every === 0) yield* subagent(random, session);
  }
}

/** The last of the requests that `turns` turns make, when only its size matters. */
export function agentRequestOf(
  bytes: number,
  options: Omit<AgentTrafficOptions, 'turns'> = {},
): AgentRequest {
  const isSmall = bytes < 45_000;
  const base: AgentTrafficOptions = {
    ...options,
    turns: 1,
    subagentEvery: 0,
    ...(isSmall ? { tools: 0, systemBytes: Math.max(60, Math.min(4_000, bytes >> 3)) } : {}),
  };
  const [first] = [...agentTraffic(base)];
  if (first === undefined) throw new Error('a session has at least one request');
  const missing = bytes - first.body.length;
  if (missing <= bytes / 20) return first;
  const [padded] = [...agentTraffic({ ...base, turns: 2, toolResultBytes: [1, 2] })].slice(1);
  if (padded === undefined) throw new Error('a session of two turns has two requests');
  const fill = Math.max(1, bytes - padded.body.length);
  // Escapes make JSON longer than its text, so aim twice: once to learn the ratio, once to hit it.
  const learned = resized(base, fill);
  const ratio = (learned.body.length - padded.body.length) / fill;
  return resized(base, Math.max(1, Math.round(fill / Math.max(1, ratio))));
}

function resized(base: AgentTrafficOptions, bytes: number): AgentRequest {
  const [, second] = [...agentTraffic({ ...base, turns: 2, toolResultBytes: [bytes, bytes + 1] })];
  if (second === undefined) throw new Error('a session of two turns has two requests');
  return second;
}

interface Session {
  readonly id: string;
  readonly deviceId: string;
  readonly model: string;
  readonly stream: boolean;
  readonly apiKey: string;
  readonly resultBytes: readonly [number, number];
}

interface Agent {
  readonly id?: string;
  readonly system: readonly unknown[];
  readonly tools: readonly Tool[];
  readonly messages: Message[];
}

interface Message {
  readonly role: 'user' | 'assistant' | 'system';
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly output_config?: { readonly effort: string };
}

function newAgent(
  random: SeededRandom,
  session: Session,
  shape: {
    readonly tools: readonly Tool[];
    readonly systemBytes: number;
    readonly contextBytes: number;
    readonly id?: string;
  },
): Agent {
  const isSub = shape.id !== undefined;
  const billing = `x-anthropic-billing-header: cc_version=9.9.9.${random.hex(3)}; cc_entrypoint=sdk-cli;${isSub ? ' cc_is_subagent=true;' : ''}`;
  const cached = { cache_control: { type: 'ephemeral' } };
  return {
    ...(shape.id === undefined ? {} : { id: shape.id }),
    system: [
      { type: 'text', text: billing },
      { type: 'text', text: 'You work on source code for the person at the keyboard.', ...cached },
      { type: 'text', text: prose(random, shape.systemBytes), ...cached },
    ],
    tools: shape.tools,
    messages: [
      {
        role: 'user',
        content: [
          {
            type: 'text',
            text: `<system-reminder>\n${prose(random, Math.min(600, shape.contextBytes))}\n</system-reminder>`,
          },
          { type: 'text', text: prose(random, Math.min(600, shape.contextBytes)) },
          { type: 'text', text: `Look at session ${session.id.slice(0, 8)} and repair what is broken.` },
        ],
      },
      {
        role: 'system',
        content: [{ type: 'text', text: prose(random, shape.contextBytes) }],
        output_config: { effort: 'medium' },
      },
    ],
  };
}

function* subagent(random: SeededRandom, session: Session): Generator<AgentRequest> {
  const tools = agentTools(random, 2, 5_800);
  const agent = newAgent(random, session, {
    tools,
    systemBytes: 1_800,
    contextBytes: 1_000,
    id: `a${random.hex(16)}`,
  });
  yield requestOf(session, agent, 1);
  addTurn(random, session, agent);
  yield requestOf(session, agent, 2);
}

/** What the answer and the tool's result add: two messages. */
function addTurn(random: SeededRandom, session: Session, agent: Agent): void {
  const toolUseId = `toolu_01${random.hex(22)}`;
  const path = `src/${random.hex(3)}/${random.hex(4)}.ts`;
  agent.messages.push({
    role: 'assistant',
    content: [
      {
        type: 'thinking',
        thinking: prose(random, random.integer(30, 200)),
        signature: random.bytes(48).toString('base64'),
      },
      { type: 'text', text: prose(random, random.integer(20, 120)) },
      {
        type: 'tool_use',
        id: toolUseId,
        name: 'Read',
        input: { file_path: `/home/someone/project/${path}` },
      },
    ],
  });
  const result = sourceCode(random, random.integer(session.resultBytes[0], session.resultBytes[1]));
  agent.messages.push({
    role: 'user',
    content: [{ tool_use_id: toolUseId, type: 'tool_result', content: result, is_error: false }],
  });
}

function requestOf(session: Session, agent: Agent, turn: number): AgentRequest {
  const messages = agent.messages.map((message, index) => sent(message, index === agent.messages.length - 1));
  const userId = JSON.stringify({ device_id: session.deviceId, account_uuid: '', session_id: session.id });
  const body = Buffer.from(
    JSON.stringify({
      model: session.model,
      messages,
      system: agent.system,
      ...(agent.tools.length > 0 ? { tools: agent.tools } : {}),
      metadata: { user_id: userId },
      max_tokens: 64_000,
      thinking: { type: 'adaptive' },
      output_config: { effort: 'medium' },
      ...(session.stream ? { stream: true } : {}),
    }),
  );
  return {
    method: 'POST',
    target: '/v1/messages?beta=true',
    headers: headersOf(session, agent, body.length),
    body,
    sessionId: session.id,
    ...(agent.id === undefined ? {} : { agentId: agent.id }),
    turn,
  };
}

/** A message as it goes out: marked for caching when it is the last, collapsed when it is a single text. */
function sent(message: Message, isLast: boolean): unknown {
  const { role, content, ...rest } = message;
  const [only] = content;
  if (!isLast && content.length === 1 && only?.type === 'text') return { role, content: only.text, ...rest };
  if (!isLast) return { role, content, ...rest };
  const marked = content.map((block, index) =>
    index === content.length - 1 ? { ...block, cache_control: { type: 'ephemeral' } } : block,
  );
  return { role, content: marked, ...rest };
}

function headersOf(session: Session, agent: Agent, bodyBytes: number): RawHeaders {
  return [
    ['Accept', 'application/json'],
    ['Content-Type', 'application/json'],
    ['User-Agent', 'claude-cli/9.9.9 (external, sdk-cli)'],
    ['X-Claude-Code-Session-Id', session.id],
    ['X-Stainless-Arch', 'x64'],
    ['X-Stainless-Lang', 'js'],
    ['X-Stainless-OS', 'Linux'],
    ['X-Stainless-Retry-Count', '0'],
    ['X-Stainless-Timeout', '600'],
    [
      'anthropic-beta',
      'interleaved-thinking-2025-05-14,context-management-2025-06-27,unknown-beta-2099-01-01',
    ],
    ['anthropic-dangerous-direct-browser-access', 'true'],
    ['anthropic-version', '2023-06-01'],
    ...(agent.id === undefined ? [] : [['x-claude-code-agent-id', agent.id] as const]),
    ['x-api-key', session.apiKey],
    ['x-app', 'cli'],
    ['Connection', 'keep-alive'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['Content-Length', String(bodyBytes)],
  ];
}
