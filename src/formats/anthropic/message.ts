import { type AnswerFacts, unreadableAnswer } from '../answer-facts.ts';
import { boundedNames } from '../bounded-names.ts';
import { asArray, asObject, asText, definedOnly, type JsonObject, parseJson } from '../json-value.ts';
import { errorFromAnthropic } from './error.ts';
import { usageFromAnthropic } from './usage.ts';

/** Reads a message (or an error) that came as one JSON text. */
export function understandAnthropicMessage(body: Uint8Array | string): AnswerFacts {
  const value = asObject(parseJson(body));
  if (value === undefined) return unreadableAnswer;
  const error = errorFromAnthropic(value);
  if (error !== undefined)
    return { ...unreadableAnswer, ...error, isTerminated: true, assembledMessage: value };
  return { ...factsOfMessage(value), isTerminated: true, brokenEvents: 0 };
}

/** What a message object says, whether it came whole or was put together from a stream. */
export function factsOfMessage(
  message: JsonObject,
): Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts> {
  return definedOnly<Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts>>({
    answeredModel: asText(message.model),
    messageId: asText(message.id, 256),
    stopReason: asText(message.stop_reason, 128),
    usage: usageFromAnthropic(asObject(message.usage)),
    toolsCalled: boundedNames(toolsCalled(message.content)),
    assembledMessage: message,
  });
}

function* toolsCalled(content: unknown): Generator<string> {
  for (const item of asArray(content)) {
    const block = asObject(item);
    if (block?.type !== 'tool_use') continue;
    yield asText(block.name, 256) ?? '';
  }
}
