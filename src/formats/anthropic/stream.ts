import type { AnswerFacts, AnswerStreamReader } from '../answer-facts.ts';
import { asObject, copyObject, type JsonObject, parseJson } from '../json-value.ts';
import type { SseEvent } from '../sse.ts';
import { type BlockBuilder, buildBlock } from './block.ts';
import { type AnswerError, errorFromAnthropic } from './error.ts';
import { factsOfMessage } from './message.ts';

/** Reads the events of a Messages stream and puts the message together. */
export function understandAnthropicStream(events: Iterable<SseEvent>): AnswerFacts {
  const reader = createAnthropicStreamReader();
  for (const event of events) reader.feed(event);
  return reader.finish();
}

/**
 * Usage counts of a stream are cumulative: `message_start` begins them and the last value of each key wins.
 * The type inside the data decides, not the `event:` line, which some gateways lose.
 */
export function createAnthropicStreamReader(): AnswerStreamReader {
  let message: { [key: string]: unknown } | undefined;
  let usage: { [key: string]: unknown } | undefined;
  const blocks = new Map<number, BlockBuilder>();
  let error: AnswerError | undefined;
  let isTerminated = false;
  let firstTokenOffset: number | undefined;
  let brokenEvents = 0;

  function feed(event: SseEvent): void {
    const value = asObject(parseJson(event.data));
    if (value === undefined) {
      brokenEvents += 1;
      return;
    }
    switch (value.type) {
      case 'message_start':
        message = copyObject(asObject(value.message));
        takeUsage(asObject(message.usage));
        return;
      case 'content_block_start':
        blocks.set(indexOf(value), buildBlock(asObject(value.content_block)));
        return;
      case 'content_block_delta':
        firstTokenOffset ??= event.endOffset;
        blockAt(indexOf(value)).delta(asObject(value.delta));
        return;
      case 'message_delta':
        takeMessageDelta(value);
        return;
      case 'message_stop':
        isTerminated = event.isPartial !== true;
        return;
      default:
        error ??= errorFromAnthropic(value);
    }
  }

  function blockAt(index: number): BlockBuilder {
    let block = blocks.get(index);
    if (block === undefined) {
      block = buildBlock(undefined);
      blocks.set(index, block);
    }
    return block;
  }

  function takeMessageDelta(value: JsonObject): void {
    message ??= copyObject(undefined);
    for (const [key, inner] of Object.entries(asObject(value.delta) ?? {})) message[key] = inner;
    for (const [key, inner] of Object.entries(value)) {
      if (key !== 'type' && key !== 'delta' && key !== 'usage') message[key] = inner;
    }
    takeUsage(asObject(value.usage));
  }

  function takeUsage(latest: JsonObject | undefined): void {
    if (latest === undefined) return;
    usage ??= copyObject(undefined);
    for (const [key, count] of Object.entries(latest)) {
      if (count !== null || usage[key] === undefined) usage[key] = count;
    }
  }

  function finish(): AnswerFacts {
    const state = {
      isTerminated,
      brokenEvents,
      ...(firstTokenOffset === undefined ? {} : { firstTokenOffset }),
      ...error,
    };
    if (message === undefined && blocks.size === 0) return { usage: {}, toolsCalled: [], ...state };
    const ordered = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => block.finish());
    const assembled = copyObject(message);
    assembled.content = ordered;
    if (usage !== undefined) assembled.usage = usage;
    return { ...factsOfMessage(assembled), ...state };
  }

  return { feed, finish };
}

function indexOf(value: JsonObject): number {
  const index = value.index;
  return typeof index === 'number' && Number.isFinite(index) ? index : 0;
}
