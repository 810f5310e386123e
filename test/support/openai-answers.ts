import { type AskedBody, askedBody, json, type PlausibleOptions, paced, parts } from './plausible-answers.ts';
import type { ReceivedRequest } from './received-request.ts';
import type { ScriptedAnswer } from './scripted-answer.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Chat Completions or Responses, streamed or not, by the path and the request's `stream`. */
export function openaiAnswer(
  request: ReceivedRequest,
  path: string,
  random: SeededRandom,
  options: PlausibleOptions,
): ScriptedAnswer {
  const asked = askedBody(request);
  const text = `Done with step ${random.integer(1, 1000)}. größe ✓`;
  const isChat = path.endsWith('/chat/completions');
  if (!asked.stream)
    return json(random, isChat ? completion(asked, text, random) : responseObject(asked, text, random));
  const events = isChat ? chatEvents(asked, text, random) : responseEvents(asked, text, random);
  return {
    headers: [
      ['content-type', 'text/event-stream; charset=utf-8'],
      ['x-request-id', `req_${random.hex(24)}`],
      ['openai-processing-ms', String(random.integer(5, 500))],
    ],
    framing: 'chunked',
    body: paced(events, options.eventPauseMs ?? 0),
  };
}

function completion(asked: AskedBody, text: string, random: SeededRandom): unknown {
  return {
    id: `chatcmpl-${random.hex(20)}`,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: asked.model,
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: 30,
      completion_tokens: 9,
      total_tokens: 39,
      prompt_tokens_details: { cached_tokens: 12 },
    },
  };
}

function chatEvents(asked: AskedBody, text: string, random: SeededRandom): string[] {
  const id = `chatcmpl-${random.hex(20)}`;
  const chunk = (fields: Record<string, unknown>): string =>
    `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1_700_000_000, model: asked.model, ...fields })}\n\n`;
  const delta = (value: Record<string, unknown>, finish: string | null): string =>
    chunk({ choices: [{ index: 0, delta: value, finish_reason: finish }] });
  return [
    delta({ role: 'assistant', content: '' }, null),
    ...parts(text, 6).map((content) => delta({ content }, null)),
    delta({}, 'stop'),
    chunk({ choices: [], usage: { prompt_tokens: 30, completion_tokens: 9, total_tokens: 39 } }),
    'data: [DONE]\n\n',
  ];
}

function responseObject(asked: AskedBody, text: string, random: SeededRandom): Record<string, unknown> {
  return {
    id: `resp_${random.hex(24)}`,
    object: 'response',
    created_at: 1_700_000_000,
    status: 'completed',
    model: asked.model,
    output: [
      {
        type: 'message',
        id: `msg_${random.hex(16)}`,
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: 30,
      output_tokens: 9,
      total_tokens: 39,
      input_tokens_details: { cached_tokens: 12 },
      output_tokens_details: { reasoning_tokens: 2 },
    },
  };
}

function responseEvents(asked: AskedBody, text: string, random: SeededRandom): string[] {
  const response = responseObject(asked, text, random);
  let sequence = 0;
  const event = (type: string, fields: Record<string, unknown>): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  return [
    event('response.created', { response: { ...response, status: 'in_progress', output: [] } }),
    ...parts(text, 6).map((delta) =>
      event('response.output_text.delta', { item_id: 'msg_1', output_index: 0, content_index: 0, delta }),
    ),
    event('response.output_text.done', { item_id: 'msg_1', output_index: 0, content_index: 0, text }),
    event('response.completed', { response }),
  ];
}
