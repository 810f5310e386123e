import type { AnswerFacts, AnswerStreamReader } from './answer-facts.ts';
import { understandAnthropicMessage } from './anthropic/message.ts';
import { anthropicArrays, understandAnthropicRequest } from './anthropic/request.ts';
import { createAnthropicStreamReader } from './anthropic/stream.ts';
import type { JsonSlices } from './json-slices.ts';
import { understandChatCompletion } from './openai/chat-completion.ts';
import { createChatStreamReader } from './openai/chat-stream.ts';
import { openaiArrays, understandOpenaiRequest } from './openai/request.ts';
import { understandResponse } from './openai/response.ts';
import { createResponseStreamReader } from './openai/response-stream.ts';
import type { RequestFacts } from './request-facts.ts';
import { createSseReader } from './sse.ts';

/** One kind of conversation: how its request and its two forms of answer are read. */
export interface Dialect {
  readonly name: 'anthropic-messages' | 'anthropic-count-tokens' | 'openai-chat' | 'openai-responses';
  /** Arrays of the request worth cutting into elements. */
  readonly arrayKeys: ReadonlySet<string>;
  understandRequest(bytes: Uint8Array, slices?: JsonSlices): RequestFacts;
  /** An answer that is one JSON text. */
  understandMessage(body: Uint8Array | string): AnswerFacts;
  /** An answer that is a stream of events. */
  createStreamReader(): AnswerStreamReader;
}

const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  arrayKeys: anthropicArrays,
  understandRequest: understandAnthropicRequest,
  understandMessage: understandAnthropicMessage,
  createStreamReader: createAnthropicStreamReader,
};

const openaiChat: Dialect = {
  name: 'openai-chat',
  arrayKeys: openaiArrays,
  understandRequest: understandOpenaiRequest,
  understandMessage: understandChatCompletion,
  createStreamReader: createChatStreamReader,
};

const openaiResponses: Dialect = {
  ...openaiChat,
  name: 'openai-responses',
  understandMessage: understandResponse,
  createStreamReader: createResponseStreamReader,
};

/** Its `input_tokens` is an estimate of a request that was not made: not usage. */
const anthropicCountTokens: Dialect = {
  ...anthropicMessages,
  name: 'anthropic-count-tokens',
  understandMessage: (body) => ({ ...understandAnthropicMessage(body), usage: {} }),
};

/**
 * The dialect spoken at a path; undefined where nothing is understood (models, files, batches …).
 * @param path without query; a prefix in front of `/v1` does not matter
 */
export function dialectOf(path: string): Dialect | undefined {
  if (path.endsWith('/messages')) return anthropicMessages;
  if (path.endsWith('/messages/count_tokens')) return anthropicCountTokens;
  if (path.endsWith('/chat/completions')) return openaiChat;
  if (path.endsWith('/responses')) return openaiResponses;
  return undefined;
}

/** Events of this many bytes are in memory at once; a stream of tiny ones takes many times its size. */
const sliceBytes = 64 * 1024;

/** Reads a decoded answer: as a stream when its content type says so or it looks like one, else as JSON. */
export function understandAnswer(
  dialect: Dialect,
  body: Uint8Array,
  contentType: string | undefined,
): AnswerFacts {
  if (!isEventStream(body, contentType)) return dialect.understandMessage(body);
  const events = createSseReader();
  const reader = dialect.createStreamReader();
  for (let at = 0; at < body.length; at += sliceBytes) {
    for (const event of events.feed(body.subarray(at, at + sliceBytes))) reader.feed(event);
  }
  const last = events.finish();
  if (last !== undefined) reader.feed(last);
  return reader.finish();
}

/** Some providers label their streams `text/plain`. */
export function isEventStream(body: Uint8Array, contentType: string | undefined): boolean {
  if (contentType?.toLowerCase().startsWith('text/event-stream')) return true;
  const head = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 16)).toString('latin1');
  return /^(?:\xef\xbb\xbf)?(?:event|data|id):/.test(head) || /^:/.test(head);
}
