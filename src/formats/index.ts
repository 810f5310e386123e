/**
 * From bytes to meaning: server-sent events, slices of JSON, content encodings, and what requests and answers of
 * the Anthropic and OpenAI formats say. Pure: `feed()`, never `read()`; no clock, no files, no network. Everything
 * here meets hostile input and never throws because of it: what cannot be read is absent from the result.
 *
 * Read `dialect.ts` first: it shows which reader understands which path.
 */

export type { AnswerFacts, AnswerStreamReader, TokenUsage } from './answer-facts.ts';
export { understandAnthropicMessage } from './anthropic/message.ts';
export { understandAnthropicRequest } from './anthropic/request.ts';
export { createAnthropicStreamReader, understandAnthropicStream } from './anthropic/stream.ts';
export { usageFromAnthropic } from './anthropic/usage.ts';
export type { DecodedContent } from './content-encoding.ts';
export { decodeContent } from './content-encoding.ts';
export type { Dialect } from './dialect.ts';
export { dialectOf, isEventStream, understandAnswer } from './dialect.ts';
export type { ByteRange, JsonSlices, SliceOptions } from './json-slices.ts';
export { findJsonValues, sliceJson } from './json-slices.ts';
export type { JsonObject } from './json-value.ts';
export {
  asArray,
  asCount,
  asObject,
  asText,
  definedOnly,
  jsonBytesMax,
  parseJson,
  utf8,
} from './json-value.ts';
export { understandChatCompletion } from './openai/chat-completion.ts';
export { createChatStreamReader } from './openai/chat-stream.ts';
export { understandOpenaiRequest } from './openai/request.ts';
export { understandResponse } from './openai/response.ts';
export { createResponseStreamReader } from './openai/response-stream.ts';
export { usageFromOpenai } from './openai/usage.ts';
export type { RequestFacts } from './request-facts.ts';
export {
  type Said,
  type SaidKind,
  type SaidRole,
  saidInAnswer,
  saidInMessage,
  saidInSystem,
} from './said.ts';
export type { SseEvent, SseReader } from './sse.ts';
export { createSseReader } from './sse.ts';
