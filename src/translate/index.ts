/**
 * What a client of one format says, said in another, and the answer on its way back: requests, whole answers, streams
 * and errors. Pure: bytes in, bytes out; no clock, no randomness, no input or output. It knows nothing of routes,
 * providers' addresses or keys; whoever calls it decides what goes where and owns the ids. Nothing here throws because
 * of what it is fed: what cannot be said is listed in `dropped`, what cannot be read is refused with a sentence.
 *
 * Files are named by both ends: `anthropic-to-openai-request.ts` is the request of a client of Anthropic's Messages API
 * for a provider of chat completions, `openai-to-anthropic-stream.ts` the stream that comes back. Read the first, then
 * `answer-segments.ts`, which brings what providers say in any order into blocks. `openai-to-anthropic-request.ts` and
 * `anthropic-to-openai-stream.ts` are the same for a client of chat completions at a provider of the Messages API.
 *
 * Decided here:
 * - An answer names the model that the provider says has answered, and the asked one only where it says none.
 * - Reasoning is shown as thinking without a signature, and only to clients that asked for thinking.
 * - Arguments that are no JSON object stay, as `{"_raw": …}`: the client finds that they do not fit, and the model tries
 *   again. In a stream they have been passed on already when that shows, unless their first character tells.
 * - A provider's ids of calls are kept where Anthropic would take them and the conversation does not have them yet.
 * - A stream that ends without having announced it ends in an `error` event, never in a clean end.
 * - A client of OpenAI gets no signatures of thinking, so its earlier reasoning cannot be given back to Anthropic. Budgets of
 *   thinking are therefore left out in the middle of calls, where Anthropic insists on it.
 */

export { type AnswerTranslator, answerTranslator } from './answer-translator.ts';
export { anthropicToOpenAiAnswer } from './anthropic-to-openai-answer.ts';
export { anthropicToOpenAiError } from './anthropic-to-openai-error.ts';
export { anthropicToOpenAiRequest, type RequestOptions } from './anthropic-to-openai-request.ts';
export { AnthropicToOpenAiStream } from './anthropic-to-openai-stream.ts';
export { capabilitiesOf, type ModelCapabilities } from './capabilities.ts';
export { type ClaudeCapabilities, claudeCapabilitiesOf } from './claude-capabilities.ts';
export { estimateTokens } from './estimate-tokens.ts';
export { openAiToAnthropicAnswer } from './openai-to-anthropic-answer.ts';
export { openAiToAnthropicError } from './openai-to-anthropic-error.ts';
export { type ChatRequestOptions, openAiToAnthropicRequest } from './openai-to-anthropic-request.ts';
export { OpenAiToAnthropicStream } from './openai-to-anthropic-stream.ts';
export { patchModel } from './patch-model.ts';
export type { AnswerStream, ErrorAnswer, TranslatedAnswer } from './translated-answer.ts';
export type { AnswerContext, TranslatedRequest } from './translated-request.ts';
