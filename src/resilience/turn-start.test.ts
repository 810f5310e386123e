import { expect, it } from 'vitest';
import { isTurnStart } from './index.ts';

const starts = (body: unknown) => isTurnStart(Buffer.from(JSON.stringify(body)));
const user = { role: 'user', content: 'go on' };
const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: 'done' }] };

it('a request whose last message is the words of the user begins a turn', () => {
  expect(starts({ messages: [user] })).toBe(true);
  expect(starts({ messages: [result, { role: 'user', content: [{ type: 'text', text: 'and now' }] }] })).toBe(
    true,
  );
  expect(starts({ messages: [user, { role: 'system', content: 'a reminder' }] })).toBe(true);
  expect(starts({ input: 'go on' })).toBe(true);
  expect(starts({ input: [{ type: 'message', role: 'user', content: 'go on' }] })).toBe(true);
});

it('one that brings the result of a tool goes on with a turn', () => {
  expect(starts({ messages: [user, result] })).toBe(false);
  expect(starts({ messages: [user, { role: 'tool', tool_call_id: 'x', content: 'done' }] })).toBe(false);
  expect(
    starts({ messages: [user, { ...result, content: [...result.content, { type: 'text', text: 'x' }] }] }),
  ).toBe(false);
  expect(starts({ input: [{ type: 'function_call_output', call_id: 'x', output: 'done' }] })).toBe(false);
});

it('one that has the model go on with its own words goes on with a turn', () => {
  expect(starts({ messages: [user, { role: 'assistant', content: 'It is' }] })).toBe(false);
});

it('one that goes on with what only its provider knows begins no turn', () => {
  expect(starts({ input: 'go on', previous_response_id: 'resp_1' })).toBe(false);
  expect(starts({ input: 'go on', previous_response_id: null })).toBe(true);
});

it('what cannot be read begins nothing', () => {
  for (const body of [[], 'x', { messages: 'x' }, { messages: [] }, null]) expect(starts(body)).toBe(false);
  expect(isTurnStart(Buffer.from('{"messages":['))).toBe(false);
});
