import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '#exchange';
import {
  type DerivedStore,
  type ExchangeToStore,
  type JoinReport,
  openDerivedStore,
  openStore,
  openTranscripts,
  type Store,
  type TranscriptStore,
} from '#store';
import { makeTempDir, type TempDir } from '#test-support';
import { archiveTranscripts } from './archive-transcripts.ts';
import { compareWireAnswers } from './compare-wire-answers.ts';
import { deriveConversations } from './derive-conversations.ts';
import { deriveRequests } from './derive-requests.ts';
import { deriveText } from './derive-text.ts';
import { deriveTranscriptText } from './derive-transcript-text.ts';
import { deriveWireAnswers } from './derive-wire-answers.ts';
import type { Step } from './step.ts';
import { exchange } from './testing/exchange.ts';

let directory: TempDir;
let facts: Store;
let transcripts: TranscriptStore;
let derived: DerivedStore;
let steps: Step[];
let clock = 0;
/** Later than everything that is recorded here. */
const nowMs = () => 1_900_000_000_000;

beforeEach(async () => {
  directory = makeTempDir('join');
  const config = { engine: 'sqlite', path: directory.join('throughline.db') } as const;
  facts = await openStore(config, { role: 'writer' });
  transcripts = await openTranscripts(config);
  derived = await openDerivedStore(config, { role: 'writer' });
  steps = [
    deriveRequests(facts, derived),
    deriveWireAnswers(facts, derived),
    deriveText(facts, derived),
    archiveTranscripts(transcripts, {
      roots: [{ kind: 'claude', directory: directory.join('projects') }],
      watch: { add() {}, take: () => [], close() {} },
      nowMs,
      clockMs: () => clock,
      keepsDeleted: true,
      rescanMs: 1_000,
    }),
    deriveConversations(transcripts, derived),
    deriveTranscriptText(transcripts, derived),
    compareWireAnswers({ facts, derived, transcripts }, nowMs),
  ];
});
afterEach(async () => {
  await Promise.all([facts.close(), transcripts.close(), derived.close()]);
  directory.remove();
});

async function report(): Promise<JoinReport> {
  clock += 1_000_000;
  for (const step of steps) while ((await step.run()) === 'more');
  return derived.join.report(10);
}

async function record(...exchanges: ExchangeToStore[]): Promise<void> {
  await facts.commit({ exchanges, positions: [] });
}

function write(path: string, lines: readonly object[]): void {
  const full = join(directory.join('projects'), path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

interface Tokens {
  readonly input?: number;
  readonly output?: number;
  readonly read?: number;
  readonly written?: number;
}

/** One of the lines of an answer; each repeats the usage of the whole. */
function line(request: string, text: string, tokens: Tokens = {}, more: object = {}): object {
  const { input = 10, output = 20, read = 0, written = 0 } = tokens;
  return {
    type: 'assistant',
    uuid: `${request} ${text}`,
    timestamp: '2026-01-02T03:04:05.000Z',
    sessionId: 's1',
    requestId: request,
    message: {
      id: `msg_${request}`,
      role: 'assistant',
      model: 'claude-opus-4-5',
      content: [{ type: 'text', text }],
      usage: {
        input_tokens: input,
        output_tokens: output,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: written,
      },
    },
    ...more,
  };
}

/** An answer as it was recorded, of provider and model with a known price. */
function recorded(
  number: number,
  request: string | undefined,
  tokens: Tokens = {},
  more: Partial<Exchange> = {},
): ExchangeToStore {
  const { input = 10, output = 20, read = 0, written = 0 } = tokens;
  return exchange(number, {
    sessionId: 's1',
    provider: 'anthropic',
    askedModel: 'claude-opus-4-5',
    answeredModel: 'claude-opus-4-5',
    ...(request === undefined ? {} : { requestIdHeader: request, messageId: `msg_${request}` }),
    usage: { inputTokens: input, outputTokens: output, cacheReadTokens: read, cacheWriteTokens: written },
    ...more,
  });
}

/** The same with bodies. */
function withBodies(given: ExchangeToStore, request: object, answer?: object): ExchangeToStore {
  const of = (value: object | undefined) => Buffer.from(value === undefined ? '' : JSON.stringify(value));
  const facts = (bytes: Buffer) => ({
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sliced: { pieces: bytes.length === 0 ? [] : [{ kind: 'literal' as const, bytes }] },
  });
  const sent = facts(of(request));
  const got = facts(of(answer));
  return {
    ...given,
    exchange: {
      ...given.exchange,
      requestBytes: sent.bytes,
      requestSha256: sent.sha256,
      responseBytes: got.bytes,
      responseSha256: got.sha256,
      responseHeaders: ['content-type', 'application/json'],
    },
    request: sent.sliced,
    response: got.sliced,
  };
}

describe('totals of a session', () => {
  it('agree three ways: as recorded, as transcripts have them, and counted by hand', async () => {
    write('-app/s1.jsonl', [
      line('r1', 'one', { input: 100, output: 7, read: 1_000, written: 50 }),
      line('r1', 'two', { input: 100, output: 7, read: 1_000, written: 50 }),
      line('r2', 'three', { input: 3, output: 11, read: 1_150, written: 20 }),
    ]);
    write('-app/s1/subagents/agent-a1.jsonl', [
      line('r3', 'four', { input: 40, output: 5 }, { agentId: 'a1', isSidechain: true }),
    ]);
    // A fork repeats the lines of the session it comes from, and goes on.
    const copied = { sessionId: 's2', requestSessionId: 's1' };
    write('-app/s2.jsonl', [
      line('r1', 'one', { input: 100, output: 7, read: 1_000, written: 50 }, copied),
      line('r2', 'three', { input: 3, output: 11, read: 1_150, written: 20 }, copied),
      line('r4', 'five', { input: 2, output: 9, read: 1_170, written: 0 }, { sessionId: 's2' }),
    ]);
    await record(
      recorded(1, 'r1', { input: 100, output: 7, read: 1_000, written: 50 }),
      recorded(2, 'r2', { input: 3, output: 11, read: 1_150, written: 20 }),
      recorded(3, 'r3', { input: 40, output: 5 }, { agentId: 'a1' }),
      recorded(4, 'r4', { input: 2, output: 9, read: 1_170, written: 0 }, { sessionId: 's2' }),
    );
    // 100 + 3 + 40 + 2, 7 + 11 + 5 + 9, 1,000 + 1,150 + 1,170, 50 + 20
    const byHand = { inputTokens: 145, outputTokens: 32, cacheReadTokens: 3_320, cacheWriteTokens: 70 };
    expect(await report()).toMatchObject({
      answers: 4,
      matched: 4,
      mismatched: 0,
      matchedBy: { 'request-id': 4 },
      wire: byHand,
      transcripts: byHand,
      mismatches: [],
      neverPassed: [],
      inNoTranscript: [],
    });
    // Without what the fork asked: 145 − 2, 32 − 9, 3,320 − 1,170
    expect(await derived.conversations.usage('s1')).toEqual({
      answers: 3,
      inputTokens: 143,
      outputTokens: 23,
      cacheReadTokens: 2_150,
      cacheWriteTokens: 70,
    });
  });

  it('are reported where they differ, with both numbers', async () => {
    write('-app/s1.jsonl', [line('r1', 'one'), line('r2', 'two', { output: 1 })]);
    await record(recorded(1, 'r1'), recorded(2, 'r2', { output: 400 }));
    const found = await report();
    expect(found).toMatchObject({
      mismatched: 1,
      wire: { inputTokens: 20, outputTokens: 420 },
      transcripts: { inputTokens: 20, outputTokens: 21 },
    });
    expect(found.mismatches).toMatchObject([
      {
        id: recorded(2, 'r2').exchange.id,
        session: 's1',
        requestId: 'r2',
        wire: { outputTokens: 400 },
        transcript: { outputTokens: 1 },
      },
    ]);
  });
});

describe('an answer in a transcript', () => {
  it('meets the one on the wire by request id, else by message id', async () => {
    write('-app/s1.jsonl', [
      line('r1', 'one'),
      line('r2', 'two', {}, { requestId: undefined }),
      line('r3', 'three'),
    ]);
    await record(
      recorded(1, 'r1', {}, { messageId: 'other' }),
      recorded(2, 'r2', {}, { requestIdHeader: 'r2x' }),
      recorded(4, 'r4'),
    );
    const found = await report();
    expect(found).toMatchObject({
      answers: 3,
      matched: 2,
      matchedBy: { 'request-id': 1, 'message-id': 1, digest: 0, content: 0 },
    });
    expect(found.neverPassed.map(({ requestId }) => requestId)).toEqual(['r3']);
    expect(found.inNoTranscript.map(({ id }) => id)).toEqual([recorded(4, 'r4').exchange.id]);
  });

  it('meets it whichever is read first', async () => {
    await record(recorded(1, 'r1'));
    expect(await report()).toMatchObject({ answers: 0, inNoTranscript: [{ why: 'other' }] });
    write('-app/s1.jsonl', [line('r1', 'one'), line('r2', 'two')]);
    expect(await report()).toMatchObject({ answers: 2, matched: 1, inNoTranscript: [] });
    await record(recorded(2, 'r2'));
    expect(await report()).toMatchObject({ answers: 2, matched: 2 });
  });

  it('meets it by the digest of its request when the ids are not the same', async () => {
    const body = {
      model: 'm',
      messages: [{ role: 'user', content: 'go' }],
      metadata: { user_id: 'u' },
      max_tokens: 1,
    };
    const digest = createHash('sha256')
      .update(
        '{"max_tokens":1,"messages":[{"content":[{"text":"go","type":"text"}],"role":"user"}],"model":"m"}',
      )
      .digest('hex');
    write('-app/s1.jsonl', [
      { type: 'api-request', sessionId: 's1', id: 'ref-1', requestDigest: digest },
      line('elsewhere', 'one', {}, { requestRef: 'ref-1' }),
    ]);
    await record(
      withBodies(recorded(1, 'r1', {}, { outcome: 'upstream-failed' }), body),
      withBodies(recorded(2, 'r2'), body),
      withBodies(recorded(3, 'r3'), body),
    );
    const found = await report();
    expect(found).toMatchObject({ answers: 1, matched: 1, matchedBy: { digest: 1 } });
    expect(found.inNoTranscript.map(({ id, why }) => [id, why])).toEqual([
      [recorded(3, 'r3').exchange.id, 'double'],
      [recorded(1, 'r1').exchange.id, 'failed'],
    ]);
  });

  it('meets it by what was said, in the same session by the same agent, when nothing else is known', async () => {
    const said = (text: string) => ({
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text }],
    });
    write('-app/s1.jsonl', [line('x1', 'the answer'), line('x2', 'of somebody else')]);
    await record(
      withBodies(recorded(1, undefined), { messages: [] }, said('the answer')),
      withBodies(recorded(2, undefined, {}, { agentId: 'a1' }), { messages: [] }, said('of somebody else')),
    );
    const found = await report();
    expect(found).toMatchObject({ answers: 2, matched: 1, matchedBy: { content: 1 } });
    expect(found.inNoTranscript.map(({ id }) => id)).toEqual([recorded(2, undefined).exchange.id]);
  });

  it('is alone again when the request is deleted', async () => {
    write('-app/s1.jsonl', [line('r1', 'one')]);
    await record(recorded(1, 'r1'));
    await report();
    await derived.requests.forget([1]);
    expect(await report()).toMatchObject({ answers: 1, matched: 0, neverPassed: [{ requestId: 'r1' }] });
  });
});

describe('requests that stand in no transcript', () => {
  it('are sorted by why, with what they cost', async () => {
    write('-app/s1.jsonl', [line('r1', 'one')]);
    await record(
      recorded(1, 'r1'),
      recorded(2, 'r1'),
      recorded(3, 'r3', { input: 1_000, output: 100 }, { requestClass: 'auxiliary' }),
      recorded(4, 'r4', { input: 500, output: 0 }, { path: '/v1/messages/count_tokens' }),
      recorded(5, 'r5', { output: 3 }, { outcome: 'client-aborted' }),
      recorded(6, 'r6', {}, { status: 529, usage: {} }),
      recorded(7, 'r7', {}, { provider: 'in-the-cellar' }),
      exchange(8, { usage: { outputTokens: 5 } }),
    );
    const { absent } = await report();
    // In millionths of a dollar: 5 for a token of input, 25 for one of output.
    expect(absent).toEqual([
      {
        why: 'helper',
        requests: 2,
        inputTokens: 1_500,
        outputTokens: 100,
        costNanos: 10_000_000,
        costUnknown: 0,
      },
      { why: 'aborted', requests: 1, inputTokens: 10, outputTokens: 3, costNanos: 125_000, costUnknown: 0 },
      { why: 'failed', requests: 1, inputTokens: 0, outputTokens: 0, costNanos: 0, costUnknown: 0 },
      { why: 'double', requests: 1, inputTokens: 10, outputTokens: 20, costNanos: 550_000, costUnknown: 0 },
      { why: 'other', requests: 1, inputTokens: 10, outputTokens: 20, costNanos: 0, costUnknown: 1 },
    ]);
  });
});
