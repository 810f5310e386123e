import { type SeededRandom, seededRandom } from '#test-support';
import type { ExchangeToStore } from '../src/store/store.ts';
import { exchangeToStore, literal } from '../src/store/testing/exchange-to-store.ts';
import { codeOf, pathOf, talkOf } from './history-prose.ts';

export const historyDays = 90;
const dayMs = 86_400_000;

const models = [
  { asked: 'claude-opus-4-1', provider: 'anthropic', share: 0.35 },
  { asked: 'claude-sonnet-4-5', provider: 'anthropic', share: 0.35 },
  { asked: 'claude-haiku-4-5', provider: 'anthropic', share: 0.15 },
  { asked: 'gpt-5-codex', provider: 'openai', share: 0.1 },
  { asked: 'local-coder-32b', provider: 'workstation', share: 0.05 },
];
const agents = ['Explore', 'reviewer', 'test-writer', 'migrator', 'general-purpose'];
const tools = ['Bash', 'Read', 'Edit', 'Grep', 'Glob', 'Write', 'Agent', 'TodoWrite', 'WebFetch', 'Skill'];
const versions = ['2.1.170', '2.1.181', '2.1.207', '2.2.4'];
const sessionsAtOnce = 12;
const turnsOnAverage = 40;

interface Session {
  readonly id: string;
  readonly first: string;
  readonly model: (typeof models)[number];
  readonly version: string;
  readonly agentId: string;
  readonly agentName: string;
  turn: number;
}

/**
 * So many exchanges of some agents that work at once, over 90 days, the oldest first. Each says about one thing that was
 * not said before: an answer, a call of a tool, or its result. The same for the same arguments.
 */
export function* bigHistory({
  size,
  endsAtMs,
}: {
  readonly size: number;
  readonly endsAtMs: number;
}): Generator<ExchangeToStore> {
  const random = seededRandom(42);
  const sessions = Array.from({ length: sessionsAtOnce }, () => newSession(random));
  const stepMs = (historyDays * dayMs) / size;
  for (let number = 0; number < size; number++) {
    const place = random.integer(0, sessionsAtOnce);
    if (random.next() < 1 / turnsOnAverage) sessions[place] = newSession(random);
    const session = sessions[place]!;
    session.turn += 1;
    const receivedAtMs = Math.floor(endsAtMs - (size - number) * stepMs);
    yield exchangeOf(session, { number, receivedAtMs, random });
  }
}

function newSession(random: SeededRandom): Session {
  return {
    id: random.uuid(),
    first: talkOf(random, random.integer(6, 60)),
    model: pickModel(random),
    version: random.pick(versions),
    agentId: `a${random.hex(16)}`,
    agentName: random.pick(agents),
    turn: 0,
  };
}

function pickModel(random: SeededRandom): (typeof models)[number] {
  let left = random.next();
  for (const model of models) {
    left -= model.share;
    if (left < 0) return model;
  }
  return models[0]!;
}

function exchangeOf(
  session: Session,
  { number, receivedAtMs, random }: { number: number; receivedAtMs: number; random: SeededRandom },
): ExchangeToStore {
  const { model } = session;
  const isAgent = random.next() < 0.25;
  const fate = random.next();
  const status = fate < 0.015 ? 529 : fate < 0.025 ? 429 : fate < 0.03 ? 500 : 200;
  const isAborted = status === 200 && fate > 0.98;
  const messages: unknown[] = [{ role: 'user', content: session.first }];
  const says = random.next();
  if (session.turn > 1 && says < 0.35)
    messages.push({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 't', content: codeOf(random, random.integer(2, 14)) }],
    });
  const content = says < 0.35 && session.turn > 1 ? [] : answerOf(random);
  const called = content.flatMap((block) => (block.type === 'tool_use' ? [String(block.name)] : []));
  const cacheReadTokens = Math.min(180_000, session.turn * random.integer(500, 2_500));
  const inputTokens = random.integer(3, 900);
  const outputTokens = random.integer(20, 2_500);
  const firstTokenUs = random.integer(300_000, 4_000_000);
  return exchangeToStore(number, {
    request: [literal(JSON.stringify({ model: model.asked, stream: false, messages }))],
    response:
      status === 200
        ? [
            literal(
              JSON.stringify({
                id: `msg_${number}`,
                type: 'message',
                role: 'assistant',
                model: model.asked,
                content,
                stop_reason: called.length > 0 ? 'tool_use' : 'end_turn',
                usage: { input_tokens: inputTokens, output_tokens: outputTokens },
              }),
            ),
          ]
        : [literal('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')],
    facts: {
      receivedAtMs,
      provider: model.provider,
      format: 'anthropic',
      askedModel: model.asked,
      ...(status === 200 ? { answeredModel: `${model.asked}-20260801` } : { errorType: 'overloaded_error' }),
      sessionId: session.id,
      ...(isAgent ? { agentId: session.agentId, agentName: session.agentName } : {}),
      clientVersion: session.version,
      status,
      outcome: isAborted ? 'client-aborted' : 'complete',
      stopReason: called.length > 0 ? 'tool_use' : 'end_turn',
      requestIdHeader: `req_${number}`,
      messageId: `msg_${number}`,
      ...(status === 200
        ? {
            usage: { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens: random.integer(0, 4_000) },
          }
        : {}),
      toolsDeclared: tools,
      toolsCalled: called,
      forwardedUs: 300,
      firstByteUs: firstTokenUs - 1_000,
      firstTokenUs,
      lastByteUs: firstTokenUs + random.integer(500_000, 40_000_000),
      closedUs: firstTokenUs + 41_000_000,
      addedUs: random.integer(100, 900),
      responseHeaders: ['content-type', 'application/json', 'request-id', `req_${number}`],
    },
  });
}

interface Block {
  readonly type: string;
  readonly [key: string]: unknown;
}

function answerOf(random: SeededRandom): Block[] {
  const says = random.next();
  if (says < 0.15)
    return [{ type: 'thinking', thinking: talkOf(random, random.integer(10, 80)), signature: '' }];
  if (says < 0.5) return [{ type: 'text', text: talkOf(random, random.integer(8, 70)) }];
  const name = random.pick(tools);
  const path = `/home/dev/${pathOf(random)}`;
  const input =
    name === 'Bash'
      ? { command: `grep -rn "${talkOf(random, 2).trim()}" src | head -${random.integer(5, 50)}` }
      : { file_path: path, new_string: codeOf(random, random.integer(1, 6)) };
  return [{ type: 'tool_use', id: 't', name, input }];
}
