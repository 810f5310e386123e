import { anthropicToOpenAiAnswer } from './anthropic-to-openai-answer.ts';
import { anthropicToOpenAiError } from './anthropic-to-openai-error.ts';
import { AnthropicToOpenAiStream } from './anthropic-to-openai-stream.ts';
import { openAiToAnthropicAnswer } from './openai-to-anthropic-answer.ts';
import { openAiToAnthropicError } from './openai-to-anthropic-error.ts';
import { OpenAiToAnthropicStream } from './openai-to-anthropic-stream.ts';
import type { AnswerStream, ErrorAnswer, TranslatedAnswer } from './translated-answer.ts';
import type { AnswerContext } from './translated-request.ts';

/** The way back: what a provider answers, in the words of the client that asked. */
export interface AnswerTranslator {
  whole(body: Uint8Array): TranslatedAnswer;
  /** A new one for each answer. */
  stream(): AnswerStream;
  /** @param headers names and values in turn, as Node's `rawHeaders` */
  error(status: number, body: Uint8Array, headers: readonly string[]): ErrorAnswer;
}

export function answerTranslator(context: AnswerContext): AnswerTranslator {
  if (context.clientFormat === 'openai') {
    return {
      whole: (body) => anthropicToOpenAiAnswer(body, context),
      stream: () => new AnthropicToOpenAiStream(context),
      error: anthropicToOpenAiError,
    };
  }
  return {
    whole: (body) => openAiToAnthropicAnswer(body, context),
    stream: () => new OpenAiToAnthropicStream(context),
    error: openAiToAnthropicError,
  };
}
