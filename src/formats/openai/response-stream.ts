import type { AnswerFacts, AnswerStreamReader } from '../answer-facts.ts';
import type { AnswerError } from '../anthropic/error.ts';
import { asObject, copyObject, type JsonObject, parseJson } from '../json-value.ts';
import { errorFromOpenai } from './error.ts';
import { factsOfResponse } from './response.ts';

const terminalTypes: ReadonlySet<unknown> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
]);

/**
 * Reads a stream of the Responses API. Its last event repeats the whole response; of a stream that broke off the
 * finished items and the text so far are put together.
 */
export function createResponseStreamReader(): AnswerStreamReader {
  let response: JsonObject | undefined;
  const items = new Map<number, JsonObject>();
  const texts = new Map<number, string>();
  let error: AnswerError | undefined;
  let isTerminated = false;
  let firstTokenOffset: number | undefined;
  let brokenEvents = 0;

  return {
    feed(event) {
      if (event.data.trim() === '[DONE]') return;
      const value = asObject(parseJson(event.data));
      if (value === undefined) {
        brokenEvents += 1;
        return;
      }
      const type = typeof value.type === 'string' ? value.type : '';
      response = asObject(value.response) ?? response;
      error ??= errorFromOpenai(type === 'response.failed' ? (response ?? value) : value);
      if (terminalTypes.has(type)) isTerminated = event.isPartial !== true;
      if (type.endsWith('.delta')) {
        firstTokenOffset ??= event.endOffset;
        takeText(texts, type, value);
      } else if (type === 'response.output_item.added' || type === 'response.output_item.done') {
        const item = asObject(value.item);
        if (item !== undefined) items.set(indexOf(value), item);
      }
    },

    finish(): AnswerFacts {
      const state = {
        isTerminated,
        brokenEvents,
        ...(firstTokenOffset === undefined ? {} : { firstTokenOffset }),
        ...error,
      };
      if (response === undefined && items.size === 0) return { usage: {}, toolsCalled: [], ...state };
      return { ...factsOfResponse(isTerminated ? response! : putTogether(response, items, texts)), ...state };
    },
  };
}

function takeText(texts: Map<number, string>, type: string, value: JsonObject): void {
  if (type !== 'response.output_text.delta' || typeof value.delta !== 'string') return;
  const index = indexOf(value);
  texts.set(index, (texts.get(index) ?? '') + value.delta);
}

function putTogether(
  response: JsonObject | undefined,
  items: ReadonlyMap<number, JsonObject>,
  texts: ReadonlyMap<number, string>,
): JsonObject {
  const whole = copyObject(response);
  whole.output = [...items]
    .sort(([a], [b]) => a - b)
    .map(([index, item]) => {
      const text = texts.get(index);
      const hasContent = Array.isArray(item.content) && item.content.length > 0;
      if (text === undefined || hasContent) return item;
      return { ...item, content: [{ type: 'output_text', text, annotations: [] }] };
    });
  return whole;
}

function indexOf(value: JsonObject): number {
  const index = value.output_index;
  return typeof index === 'number' && Number.isFinite(index) ? index : 0;
}
