import type { AnswerFacts, AnswerStreamReader } from '../answer-facts.ts';
import type { AnswerError } from '../anthropic/error.ts';
import { asArray, asObject, copyObject, type JsonObject, parseJson } from '../json-value.ts';
import { factsOfChatCompletion } from './chat-completion.ts';
import { errorFromOpenai } from './error.ts';

/** Reads the chunks of a streamed chat completion and puts the completion together; `[DONE]` ends it. */
export function createChatStreamReader(): AnswerStreamReader {
  const completion = copyObject(undefined);
  const choices = new Map<number, ChoiceBuilder>();
  let error: AnswerError | undefined;
  let isTerminated = false;
  let firstTokenOffset: number | undefined;
  let brokenEvents = 0;

  return {
    feed(event) {
      if (event.data.trim() === '[DONE]') {
        isTerminated = event.isPartial !== true;
        return;
      }
      const chunk = asObject(parseJson(event.data));
      if (chunk === undefined) {
        brokenEvents += 1;
        return;
      }
      error ??= errorFromOpenai(chunk);
      takeHead(completion, chunk);
      for (const item of asArray(chunk.choices)) {
        const choice = asObject(item);
        if (choice === undefined) continue;
        if (hasContent(asObject(choice.delta))) firstTokenOffset ??= event.endOffset;
        choiceAt(choices, choice).take(choice);
      }
    },

    finish(): AnswerFacts {
      const state = {
        isTerminated,
        brokenEvents,
        ...(firstTokenOffset === undefined ? {} : { firstTokenOffset }),
        ...error,
      };
      if (Object.keys(completion).length === 0) return { usage: {}, toolsCalled: [], ...state };
      completion.object = 'chat.completion';
      completion.choices = [...choices].sort(([a], [b]) => a - b).map(([, choice]) => choice.finish());
      return { ...factsOfChatCompletion(completion), ...state };
    },
  };
}

/** Everything beside the choices is repeated in each chunk; usage comes with the last one. */
function takeHead(completion: { [key: string]: unknown }, chunk: JsonObject): void {
  for (const [key, value] of Object.entries(chunk)) {
    if (key === 'choices' || key === 'error' || value === null) continue;
    completion[key] = value;
  }
}

function hasContent(delta: JsonObject | undefined): boolean {
  if (delta === undefined) return false;
  return Object.entries(delta).some(([key, value]) => key !== 'role' && value !== null && value !== '');
}

function choiceAt(choices: Map<number, ChoiceBuilder>, choice: JsonObject): ChoiceBuilder {
  const index = typeof choice.index === 'number' ? choice.index : 0;
  let builder = choices.get(index);
  if (builder === undefined) {
    builder = buildChoice(index);
    choices.set(index, builder);
  }
  return builder;
}

interface ChoiceBuilder {
  take(choice: JsonObject): void;
  finish(): JsonObject;
}

function buildChoice(index: number): ChoiceBuilder {
  const choice = copyObject({ index });
  const message = copyObject({ role: 'assistant', content: null });
  const calls = new Map<number, { [key: string]: unknown }>();

  return {
    take(piece) {
      for (const [key, value] of Object.entries(piece)) {
        if (key !== 'delta' && key !== 'index' && value !== null) choice[key] = value;
      }
      for (const [key, value] of Object.entries(asObject(piece.delta) ?? {})) {
        if (key === 'tool_calls') takeCalls(calls, value);
        else if (typeof value === 'string' && key !== 'role') message[key] = textOf(message[key]) + value;
        else if (value !== null) message[key] = value;
      }
    },
    finish() {
      if (calls.size > 0) message.tool_calls = [...calls].sort(([a], [b]) => a - b).map(([, call]) => call);
      return { ...choice, message };
    },
  };
}

/** Arguments come in fragments; some providers leave the index out when there is one call only. */
function takeCalls(calls: Map<number, { [key: string]: unknown }>, value: unknown): void {
  for (const item of asArray(value)) {
    const piece = asObject(item);
    if (piece === undefined) continue;
    const index = typeof piece.index === 'number' ? piece.index : 0;
    const call = calls.get(index) ?? copyObject(undefined);
    calls.set(index, call);
    for (const [key, inner] of Object.entries(piece)) {
      if (key !== 'index' && key !== 'function' && inner !== null) call[key] = inner;
    }
    const fragment = asObject(piece.function);
    if (fragment === undefined) continue;
    const target = copyObject(asObject(call.function));
    if (typeof fragment.name === 'string' && fragment.name !== '') target.name = fragment.name;
    target.arguments = textOf(target.arguments) + textOf(fragment.arguments);
    call.function = target;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
