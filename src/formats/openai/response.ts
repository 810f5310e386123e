import { type AnswerFacts, unreadableAnswer } from '../answer-facts.ts';
import { boundedNames } from '../bounded-names.ts';
import { asArray, asObject, asText, definedOnly, type JsonObject, parseJson } from '../json-value.ts';
import { errorFromOpenai } from './error.ts';
import { usageFromOpenai } from './usage.ts';

/** Reads an answer of the Responses API (or an error) that came as one JSON text. */
export function understandResponse(body: Uint8Array | string): AnswerFacts {
  const value = asObject(parseJson(body));
  if (value === undefined) return unreadableAnswer;
  const error = errorFromOpenai(value);
  if (error !== undefined && value.id === undefined) {
    return { ...unreadableAnswer, ...error, isTerminated: true, assembledMessage: value };
  }
  return { ...factsOfResponse(value), ...error, isTerminated: true, brokenEvents: 0 };
}

export function factsOfResponse(
  response: JsonObject,
): Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts> {
  const incomplete = asObject(response.incomplete_details);
  return definedOnly<Pick<AnswerFacts, 'usage' | 'toolsCalled'> & Partial<AnswerFacts>>({
    answeredModel: asText(response.model),
    messageId: asText(response.id, 256),
    stopReason: asText(incomplete?.reason, 128) ?? asText(response.status, 128),
    usage: usageFromOpenai(asObject(response.usage), response.service_tier),
    toolsCalled: boundedNames(toolsCalled(response.output)),
    assembledMessage: response,
  });
}

function* toolsCalled(output: unknown): Generator<string> {
  for (const item of asArray(output)) {
    const call = asObject(item);
    const type = call?.type;
    if (type !== 'function_call' && type !== 'custom_tool_call' && type !== 'mcp_call') continue;
    yield asText(call?.name, 256) ?? '';
  }
}
