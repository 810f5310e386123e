import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { agentTraffic } from './agent-traffic.ts';
import { type FakeMessage, messageEvents } from './plausible-answers.ts';
import { type RecordedExchange, recordings } from './recorded-exchanges.ts';

/** A session as both sides have it: what went over the wire, and the transcripts that the client wrote of it. */
interface RecordedSession {
  readonly name: string;
  readonly exchanges: readonly RecordedExchange[];
  /** Puts its transcripts where the client would, below the directory of projects. */
  writeTranscripts(projects: string): void;
}

/** Sessions with transcripts among the recordings; without them generated ones with the same structure. */
export function recordedSessions(directory = process.env.THROUGHLINE_RECORDINGS): RecordedSession[] {
  if (directory === undefined || !existsSync(directory)) return [generatedSession()];
  return recordings(directory).flatMap(({ name, exchanges }) => {
    const transcripts = join(directory, name.replace(/\.json$/, '.projects'));
    if (!existsSync(transcripts)) return [];
    return [
      { name, exchanges, writeTranscripts: (projects) => cpSync(transcripts, projects, { recursive: true }) },
    ];
  });
}

/** Request ids of answers, and whether the last line of each says why it ended. */
export function answersIn(projects: string): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const path of readdirSync(projects, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.jsonl')) continue;
    for (const line of readFileSync(join(projects, path), 'utf8').split('\n')) {
      const { requestId, message } = JSON.parse(line || '{}') as {
        requestId?: string;
        message?: { stop_reason?: unknown };
      };
      if (requestId !== undefined) answers.set(requestId, typeof message?.stop_reason === 'string');
    }
  }
  return answers;
}

/** Two blocks for each answer, a subagent with a file of its own, and a fork that copies what was said. */
function generatedSession(): RecordedSession {
  const lines = new Map<string, object[]>();
  const add = (path: string, line: object) => lines.set(path, [...(lines.get(path) ?? []), line]);
  const exchanges = [...agentTraffic({ turns: 6 })].map((request, index): RecordedExchange => {
    const { sessionId, agentId } = request;
    const requestId = `req_${index}`;
    const message: FakeMessage = {
      id: `msg_${index}`,
      type: 'message',
      role: 'assistant',
      model: 'claude-fake-large',
      content: [
        { type: 'text', text: `Answer ${index}` },
        { type: 'text', text: `and more of ${index}` },
      ],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 100 + index, output_tokens: 10 + index },
    };
    const path =
      agentId === undefined ? `${sessionId}.jsonl` : `${sessionId}/subagents/agent-${agentId}.jsonl`;
    message.content.forEach((block, apiBlockIndex) => {
      add(`-home-me-app/${path}`, {
        type: 'assistant',
        uuid: createHash('sha256').update(`${index} ${apiBlockIndex}`).digest('hex').slice(0, 32),
        timestamp: new Date(1_790_000_000_000 + index * 1_000).toISOString(),
        sessionId,
        requestId,
        apiBlockIndex,
        ...(agentId === undefined ? {} : { agentId, isSidechain: true }),
        message: { ...message, content: [block] },
      });
    });
    return {
      ...request,
      answer: {
        headers: [
          ['content-type', 'text/event-stream'],
          ['request-id', requestId],
        ],
        framing: 'chunked',
        body: messageEvents(message),
      },
    };
  });
  const [asked] = [...lines.keys()];
  const copied = lines.get(asked!)!.map((line) => ({
    ...line,
    sessionId: 'fork',
    requestSessionId: (line as { sessionId: string }).sessionId,
  }));
  lines.set('-home-me-app/fork.jsonl', [...copied, { type: 'invented-tomorrow', sessionId: 'fork' }]);
  return {
    name: 'a generated session',
    exchanges,
    writeTranscripts(projects) {
      for (const [path, each] of lines) {
        const full = join(projects, path);
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, each.map((line) => `${JSON.stringify(line)}\n`).join(''));
      }
    },
  };
}
