import { describe, expect, it } from 'vitest';
import { recordings } from '#test-support';
import { anthropicToOpenAiRequest, capabilitiesOf, type TranslatedRequest } from './index.ts';

// What coding agents send has to arrive or has to be listed. Their kinds of requests are written down here, and when
// recordings of real clients are at hand, the same is asked of each of those.
const tool = (name: string, more: object = {}) => ({
  name,
  description: `Does ${name}`,
  input_schema: { type: 'object', properties: { text: { type: 'string' } }, additionalProperties: false },
  ...more,
});
const cached = { cache_control: { type: 'ephemeral', ttl: '1h' } };
const text = (words: string, more: object = {}) => ({ type: 'text', text: words, ...more });
const settings = {
  model: 'claude-asked',
  max_tokens: 32_000,
  stream: true,
  metadata: { user_id: '{"device_id":"d-1","account_uuid":"","session_id":"s-1"}' },
  system: [
    text('x-anthropic-billing-header: cc_version=1; cc_is_subagent=true;'),
    text('You keep lamps.', cached),
    text('Be careful with oil.'),
  ],
};
const kinds: readonly (readonly [name: string, request: object])[] = [
  [
    'a turn of the main agent: deferred tools, words of the system among the messages, thinking, checks of the server',
    {
      ...settings,
      tools: [
        tool('ToolSearch'),
        tool('Light', { eager_input_streaming: true }),
        tool('Found', { defer_loading: true }),
        tool('Away', { defer_loading: true }),
      ],
      thinking: { type: 'adaptive', display: 'summarized' },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      output_config: { effort: 'high' },
      safeguards: [{ type: 'dangerous_tool_use', classifier_context: { cwd: '/home/keeper' } }],
      diagnostics: { previous_message_id: null },
      messages: [
        { role: 'user', content: [text('A reminder.'), text('Light the north lamp.')] },
        { role: 'system', content: 'The tools are listed.' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Which one?', signature: 'c2ln' },
            text('I look.'),
            { type: 'tool_use', id: 'toolu_1', name: 'ToolSearch', input: { query: 'find-lamp' } },
            { type: 'tool_use', id: 'toolu_2', name: 'Light', input: { text: 'north' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [{ type: 'tool_reference', tool_name: 'Found' }],
            },
            {
              type: 'tool_result',
              tool_use_id: 'toolu_2',
              is_error: true,
              content: 'No oil is left.',
              ...cached,
            },
          ],
        },
        { role: 'system', content: [text('Few tokens are left.', cached)], output_config: { effort: 'low' } },
      ],
    },
  ],
  [
    'a turn of a subagent in auto mode',
    {
      ...settings,
      tools: [tool('Light'), tool('SubagentHandback')],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      messages: [{ role: 'user', content: 'Review the lamps.' }],
    },
  ],
  [
    'the title of a session',
    {
      ...settings,
      tools: [],
      output_config: {
        format: {
          type: 'json_schema',
          schema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] },
        },
      },
      messages: [{ role: 'user', content: [text('Name what this is about.')] }],
    },
  ],
  [
    'a check of a command, not streamed',
    {
      ...settings,
      stream: false,
      temperature: 0,
      stop_sequences: ['</verdict>'],
      messages: [{ role: 'user', content: [text('Is this dangerous?', cached)] }],
    },
  ],
];
const models = ['gpt-4o', 'gpt-5', 'gemini-3-pro', 'deepseek-chat', 'a-model-of-tomorrow'];

type Json = { readonly [key: string]: unknown };
const objects = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];

function translate(body: Buffer, model: string): TranslatedRequest {
  const capabilities = capabilitiesOf(model);
  return anthropicToOpenAiRequest(body, { model, capabilities, thinking: 'drop', messageId: 'msg_1' });
}

/** Checks that everything of a request is either in the translated one or named among what was dropped. */
function expectAccountedFor(asked: Json, translated: TranslatedRequest): void {
  if (translated.kind === 'refused') throw new Error(translated.sentence);
  const said = JSON.parse(Buffer.from(translated.body).toString()) as Json;
  const dropped = translated.dropped.join('\n');
  // Everything that is said, as it was before it became JSON.
  const words = objects(said.messages).flatMap(({ content }) =>
    typeof content === 'string' ? [content] : objects(content).map((part) => String(part.text ?? '')),
  );
  const everything = words.join('\n');
  const expectSaid = (content: unknown): void => {
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content);
    for (const block of blocks) {
      const { type, text: own = '', content: inner } = block as Json;
      if (type === 'text' && !String(own).startsWith('x-anthropic-billing-header'))
        expect(everything).toContain(own);
      else if (type === 'tool_result') expectSaid(inner);
      else if (type === 'thinking') expect(dropped).toContain('thinking of earlier turns');
      else if (type === 'tool_use') expectCalled(block as Json);
    }
  };
  const calls = objects(said.messages).flatMap(({ tool_calls: all }) => objects(all));
  const expectCalled = ({ name, input }: Json): void => {
    const same = calls.map(({ function: called }) => called as Json).filter((called) => called.name === name);
    expect(same.map(({ arguments: args }) => JSON.parse(String(args)))).toContainEqual(input);
  };
  expectSaid(asked.system);
  for (const { content } of objects(asked.messages)) expectSaid(content);
  const given = objects(said.tools).map(({ function: definition }) => (definition as Json).name);
  const away = objects(asked.tools).filter(({ name }) => !given.includes(name));
  if (away.length > 0) expect(dropped).toContain(`not loaded yet: ${away.length} left out`);
  for (const { defer_loading: isDeferred } of away) expect(isDeferred).toBe(true);
  for (const key of ['metadata', 'safeguards', 'diagnostics', 'context_management'])
    expect(dropped.includes(`${key}:`), key).toBe(asked[key] !== undefined);
  expect(said.stream ?? false).toBe(asked.stream ?? false);
  for (const secret of ['device_id', 'classifier_context', 'x-anthropic-billing-header'])
    expect(Buffer.from(translated.body).includes(secret), secret).toBe(false);
}

describe('what coding agents send', () => {
  it.each(kinds)('is carried or listed: %s', (_name, request) => {
    const body = Buffer.from(JSON.stringify(request));
    for (const model of models) expectAccountedFor(request as Json, translate(body, model));
  });

  it.each(recordings().map(({ name, exchanges }) => [name, exchanges] as const))(
    'is carried or listed in every request of the recording %s',
    (_name, exchanges) => {
      for (const { target, body } of exchanges) {
        if (!/^\/v1\/messages(\?|$)/.test(target) || body.length === 0) continue;
        const asked = JSON.parse(body.toString()) as Json;
        for (const model of models) {
          const translated = translate(body, model);
          // Some recordings keep only the length of long parts.
          if (Array.isArray(asked.messages)) expectAccountedFor(asked, translated);
          else expect(translated).toMatchObject({ kind: 'refused', sentence: expect.stringMatching(/\.$/) });
        }
      }
    },
  );

  it('lists what a tool says that nobody knows', () => {
    const request = {
      ...settings,
      tools: [tool('Light', { from_tomorrow: 1 })],
      messages: [{ role: 'user', content: 'Hi' }],
    };
    const { dropped } = translate(Buffer.from(JSON.stringify(request)), 'gpt-4o');
    expect(dropped).toContainEqual(expect.stringMatching(/tool "Light": "from_tomorrow"/));
  });
});
