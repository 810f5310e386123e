import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEntry } from './index.ts';
import { placeOf } from './place.ts';

const line = (value: object) => JSON.stringify(value);

describe('a line of Claude Code', () => {
  it('says what was answered, by which model and for how many tokens', () => {
    const entry = readEntry(
      'claude',
      line({
        type: 'assistant',
        uuid: 'u1',
        parentUuid: null,
        sessionId: 'fork',
        requestSessionId: 'origin',
        requestId: 'req_1',
        timestamp: '2026-02-03T04:05:06.789Z',
        message: {
          id: 'msg_1',
          role: 'assistant',
          model: 'claude-opus-4-1',
          stop_reason: 'tool_use',
          content: [{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'make test' } }],
          usage: { input_tokens: 3, output_tokens: 5, cache_read_input_tokens: 7 },
        },
      }),
    );
    expect(entry).toMatchObject({
      kind: 'assistant',
      uuid: 'u1',
      sessionId: 'fork',
      requestSessionId: 'origin',
      requestId: 'req_1',
      messageId: 'msg_1',
      model: 'claude-opus-4-1',
      atMs: Date.UTC(2026, 1, 3, 4, 5, 6, 789),
      usage: { inputTokens: 3, outputTokens: 5, cacheReadTokens: 7 },
      blocks: [{ kind: 'tool-use', toolName: 'Bash', toolUseId: 'toolu_1', text: '{"command":"make test"}' }],
    });
    expect(entry.parentUuid).toBeUndefined();
  });

  it('gives the text of tool results, whether they are one text or many', () => {
    const content = [
      { type: 'tool_result', tool_use_id: 'a', content: 'plain' },
      { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'in' }, { type: 'image' }] },
    ];
    const { blocks } = readEntry('claude', line({ type: 'user', message: { role: 'user', content } }));
    expect(blocks.map(({ text }) => text)).toEqual(['plain', 'in']);
  });

  it('is no conversation when it is a snapshot of prompt and tools', () => {
    const attachment = { type: 'prompt_snapshot', system: 'You are', tools: [] };
    expect(readEntry('claude', line({ type: 'attachment', attachment, rendered: 'You are' }))).toMatchObject({
      kind: 'attachment',
      subtype: 'prompt_snapshot',
      blocks: [],
    });
    expect(readEntry('claude', line({ type: 'api-request-blob', message: { content: 'x' } }))).toMatchObject({
      kind: 'bookkeeping',
      blocks: [],
    });
  });

  it('is kept as unknown when its type is not known, and as broken when it is no JSON object', () => {
    expect(readEntry('claude', line({ type: 'invented-tomorrow', uuid: 'u' }))).toMatchObject({
      kind: 'unknown',
      type: 'invented-tomorrow',
      uuid: 'u',
    });
    for (const text of ['{"type":"user"', '[]', '7', '"user"', '', '\u0000'])
      expect(readEntry('claude', text).kind).toBe('broken');
  });

  it('costs nothing when the client wrote it itself in place of an answer', () => {
    const message = { model: '<synthetic>', usage: { input_tokens: 9 }, content: [] };
    const entry = readEntry('claude', line({ type: 'assistant', isApiErrorMessage: true, message }));
    expect(entry.isApiError).toBe(true);
    expect(entry.usage).toBeUndefined();
  });

  it('may hold anything in any field', () => {
    const odd: unknown[] = [null, 7, [], {}, '', { toString: null }, [[{}]]];
    for (const type of ['user', 'assistant', 'system', 'summary', 'attachment', 'api-request'])
      for (const value of odd)
        expect(() =>
          readEntry(
            'claude',
            line({
              type,
              message: value,
              attachment: value,
              summary: value,
              timestamp: value,
              usage: value,
              ['__proto__']: value,
            }),
          ),
        ).not.toThrow();
    for (const type of ['session_meta', 'response_item', 'token_usage_record', 'turn_context'])
      for (const value of odd)
        for (const payload of [
          value,
          { type: 'message', content: value, role: value },
          { usage: value, output: value },
        ])
          expect(() => readEntry('codex', line({ type, payload }))).not.toThrow();
  });
});

describe('a line of Codex', () => {
  it('ties tokens to the response, cached ones apart', () => {
    const usage = {
      input_tokens: 111,
      cached_input_tokens: 64,
      output_tokens: 22,
      reasoning_output_tokens: 5,
    };
    expect(
      readEntry('codex', line({ type: 'token_usage_record', payload: { response_id: 'resp_1', usage } })),
    ).toMatchObject({
      messageId: 'resp_1',
      usage: { inputTokens: 47, cacheReadTokens: 64, outputTokens: 22, thinkingTokens: 5 },
    });
  });

  it('is a message, a call or its result', () => {
    const read = (payload: object) => readEntry('codex', line({ type: 'response_item', payload }));
    expect(
      read({ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'do it' }] }),
    ).toMatchObject({
      kind: 'user',
      isMeta: false,
      blocks: [{ kind: 'text', text: 'do it' }],
    });
    expect(read({ type: 'message', role: 'user', content: [{ text: '<environment_context>' }] }).isMeta).toBe(
      true,
    );
    expect(
      read({ type: 'function_call', name: 'exec', call_id: 'c', arguments: '{"cmd":"ls"}' }),
    ).toMatchObject({
      kind: 'assistant',
      blocks: [{ kind: 'tool-use', toolName: 'exec', text: '{"cmd":"ls"}' }],
    });
    expect(read({ type: 'function_call_output', call_id: 'c', output: 'file' })).toMatchObject({
      kind: 'user',
      blocks: [{ kind: 'tool-result', toolUseId: 'c', text: 'file' }],
    });
  });
});

describe('a path', () => {
  it('names project, session and agent in the layouts of old and new clients', () => {
    expect(placeOf('claude', '-home-me/0a1b.jsonl')).toEqual({
      holds: 'entries',
      project: '-home-me',
      sessionId: '0a1b',
    });
    expect(placeOf('claude', '-home-me/0a1b/subagents/agent-af3.jsonl')).toEqual({
      holds: 'entries',
      project: '-home-me',
      sessionId: '0a1b',
      agentId: 'af3',
    });
    expect(placeOf('claude', '-home-me/agent-af3.jsonl')).toEqual({
      holds: 'entries',
      project: '-home-me',
      agentId: 'af3',
    });
    expect(placeOf('claude', '-home-me/0a1b/subagents/agent-af3.meta.json')?.holds).toBe('agent-description');
    expect(placeOf('claude', '-home-me/0a1b/custom-title.json')?.holds).toBe('session-title');
    const id = '01a204ed-2e55-7323-99a1-ba81e9e8b14e';
    expect(placeOf('codex', `2026/11/22/rollout-2026-11-22T20-23-02-${id}.jsonl`)).toEqual({
      holds: 'entries',
      sessionId: id,
    });
  });

  it('of anything else is none of ours to read', () => {
    for (const path of [
      'history.jsonl',
      '12345.0af.key',
      '-home-me/.credentials.json',
      '-home-me/settings.json',
      '-home-me/memory/notes.md',
      '-home-me/0a1b/custom-title.jsonl.swp',
    ])
      expect(placeOf('claude', path)).toBeUndefined();
    expect(placeOf('codex', 'auth.json')).toBeUndefined();
    expect(placeOf('codex', 'history.jsonl')).toBeUndefined();
  });
});

const recordings = process.env.THROUGHLINE_RECORDINGS;
// A test that is left out would count as failed: without the recordings there is none.
if (recordings !== undefined)
  describe('recorded transcripts', () => {
    const files = (
      recordings === undefined ? [] : readdirSync(recordings, { recursive: true, encoding: 'utf8' })
    ).filter((path) => path.endsWith('.jsonl'));
    it('have no line whose type is unknown or that is broken', () => {
      const seen = files.flatMap((path) =>
        readFileSync(join(recordings!, path), 'utf8')
          .trimEnd()
          .split('\n')
          .map((text) => readEntry(path.includes('rollout-') ? 'codex' : 'claude', text)),
      );
      expect(seen.length).toBeGreaterThan(100);
      expect(
        seen
          .filter(({ kind }) => kind === 'unknown' || kind === 'broken')
          .map(({ type, subtype }) => `${type} ${subtype}`),
      ).toEqual([]);
    });
  });
