import { type AnswerFacts, unreadableAnswer } from '../answer-facts.ts';
import { boundedNames } from '../bounded-names.ts';
import { asArray, asObject, asText, definedOnly, type JsonObject, parseJson } from '../json-value.ts';
import { errorFromOpenai } from './error.ts';
import { usageFromOpenai } from './usage.ts';

/** Reads a chat completion (or an error) that came as one JSON text. */
export function understandChatCompletion(body: Uint8Array | string): AnswerFacts {
  const value = asObject(parseJson(body));
  if (value === undefined) return unreadableAnswer;
  const error = errorFromOpenai(value);
  if (error !== undefined)
    return { ...unreadableAnswer, ...error, isTerminated: true, assembledMessage: value };
  return { ...factsOfChatCompletion(value), isTerminated: true, brokenEvents: 0 };
}

export function factsOfChatCompletion(
  completion: JsonObject,
): Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts> {
  const choices = asArray(completion.choices).map(asObject);
  return definedOnly<Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts>>({
    answeredModel: asText(completion.model),
    messageId: asText(completion.id, 256),
    stopReason: asText(choices[0]?.finish_reason, 128),
    usage: usageFromOpenai(asObject(completion.usage), completion.service_tier),
    toolsCalled: boundedNames(choices.flatMap((choice) => toolsCalled(asObject(choice?.message)))),
    assembledMessage: completion,
  });
}

function toolsCalled(message: JsonObject | undefined): string[] {
  return asArray(message?.tool_calls).map(
    (call) => asText(asObject(asObject(call)?.function)?.name, 256) ?? '',
  );
}
