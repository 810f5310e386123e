import { createHash } from 'node:crypto';
import {
  asArray,
  asObject,
  asText,
  type ByteRange,
  definedOnly,
  type JsonObject,
  jsonBytesMax,
  parseJson,
  sliceJson,
  utf8,
} from '#formats';

/** The parts of a conversation in the order in which a model reads them; `answer` is what it said then. */
export type OutlinePart = 'tools' | 'system' | 'messages' | 'answer';

/** What stands at one place of a request or an answer, without its content. */
export interface OutlineBlock {
  /** Where: `t3` a tool, `s0` a system block, `m12.b3` a block of a message, `a0.b1` one of the answer. */
  readonly at: string;
  readonly part: OutlinePart;
  readonly role?: string;
  /** As the format calls it: `text`, `thinking`, `tool_use`, `function_call` … */
  readonly type: string;
  /** Of the tool that is offered or called. */
  readonly name?: string;
  /** By which a call and its result belong together. */
  readonly toolUseId?: string;
  readonly isError?: true;
  /** Of an image or a document. */
  readonly mediaType?: string;
  /** The client asked the provider to cache everything up to here. */
  readonly isCacheBreak?: true;
  /** Of its JSON in the shortest form. */
  readonly bytes: number;
  /** Equal for blocks that mean the same to a model: where the cache breaks is not part of it. */
  readonly hash: string;
  /** The beginning of its text. */
  readonly preview: string;
}

/** One block with its content. */
export interface BlockContent {
  readonly outline: OutlineBlock;
  readonly value: unknown;
}

const previewCharacters = 240;
/** What lies beyond is left out; no client sends so much. */
const blocksMax = 50_000;

const keysOfPart = {
  tools: ['tools'],
  system: ['system', 'instructions'],
  messages: ['messages', 'input'],
} as const;
const arrayKeys: ReadonlySet<string> = new Set(Object.values(keysOfPart).flat());

/**
 * The blocks of a request of any of the formats, in the order in which a model reads them. Parses one element after the
 * other, so that no tree of the whole comes into being.
 * @returns nothing when it is not a JSON object
 */
export function* blocksOfRequest(bytes: Uint8Array): Generator<BlockContent> {
  const slices = sliceJson(bytes, arrayKeys);
  if (slices === undefined) return;
  let count = 0;
  for (const part of ['tools', 'system', 'messages'] as const) {
    for (const key of keysOfPart[part]) {
      const whole = slices.values.get(key);
      const ranges = slices.elements.get(key) ?? (whole === undefined ? [] : [whole]);
      for (const [index, range] of ranges.entries()) {
        const value = parsedElement(bytes, range);
        if (value === null || value === undefined) continue;
        for (const block of part === 'messages'
          ? ofMessage(`m${index}`, part, value)
          : ofOther(part, index, value)) {
          yield block;
          count += 1;
          if (count >= blocksMax) return;
        }
      }
    }
  }
}

/** The blocks of an answer that came whole or was put together from a stream. */
export function* blocksOfAnswer(answer: JsonObject): Generator<BlockContent> {
  const choices = asArray(answer.choices).map((choice) => asObject(choice)?.message);
  const items = choices.length > 0 ? choices : asArray(answer.output);
  const messages = items.length > 0 ? items : [{ role: 'assistant', content: answer.content }];
  let count = 0;
  for (const [index, message] of messages.entries()) {
    for (const block of ofMessage(`a${index}`, 'answer', message)) {
      yield block;
      count += 1;
      if (count >= blocksMax) return;
    }
  }
}

/** An element that is too large to be parsed is a text that says so. */
function parsedElement(bytes: Uint8Array, { start, end }: ByteRange): unknown {
  if (end - start <= jsonBytesMax) return parseJson(utf8(bytes, start, end));
  return { type: 'too-large', text: `${end - start} bytes` };
}

function* ofOther(part: 'tools' | 'system', index: number, value: unknown): Generator<BlockContent> {
  const at = `${part === 'tools' ? 't' : 's'}${index}`;
  if (part === 'system') yield blockAt({ at, part, role: 'system' }, value);
  else yield blockAt({ at, part, type: 'tool' }, value);
}

function* ofMessage(at: string, part: OutlinePart, message: unknown): Generator<BlockContent> {
  const item = asObject(message);
  if (item === undefined) {
    if (typeof message === 'string') yield blockAt({ at: `${at}.b0`, part, role: 'user' }, message);
    return;
  }
  const role = asText(item.role, 32);
  // Items of the Responses API that are no messages, and results of tools in chat completions, are blocks themselves.
  if (item.content === undefined && role === undefined) {
    yield blockAt({ at: `${at}.b0`, part }, item);
    return;
  }
  if (role === 'tool') {
    yield blockAt({ at: `${at}.b0`, part, role, type: 'tool_result' }, item);
    return;
  }
  const content = typeof item.content === 'string' ? [item.content] : asArray(item.content);
  const all = [...content, ...asArray(item.tool_calls)];
  for (const [index, value] of all.entries()) yield blockAt({ at: `${at}.b${index}`, part, role }, value);
}

interface Known {
  readonly at: string;
  readonly part: OutlinePart;
  readonly role?: string | undefined;
  readonly type?: string;
}

function blockAt({ at, part, role, type }: Known, value: unknown): BlockContent {
  // A text alone and a block with the same text are the same to a model.
  const block = asObject(value) ?? { type: 'text', text: typeof value === 'string' ? value : '' };
  const { cache_control: cacheControl, ...rest } = block;
  const json = jsonOf(rest) ?? `nested too deep at ${at}`;
  const source = asObject(block.source);
  const call = asObject(block.function);
  const outline = definedOnly<OutlineBlock>({
    at,
    part,
    role,
    type: asText(block.type, 64) ?? type ?? 'unknown',
    name: asText(block.name, 256) ?? asText(call?.name, 256),
    toolUseId: toolUseIdOf(block),
    isError: block.is_error === true ? true : undefined,
    mediaType: asText(source?.media_type, 128),
    isCacheBreak: cacheControl === undefined ? undefined : true,
    bytes: Buffer.byteLength(json),
    hash: createHash('sha256')
      .update(`${part === 'answer' ? 'messages' : part}\0${role ?? ''}\0`)
      .update(json)
      .digest('base64url')
      .slice(0, 22),
    preview: previewOf(block),
  });
  return { outline, value };
}

/** Deeper nesting than can be written is a block all the same. */
function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function toolUseIdOf(block: JsonObject): string | undefined {
  const isResult = block.tool_use_id ?? block.tool_call_id ?? block.call_id;
  const isCall = /use$|call$|^function$/.test(asText(block.type, 64) ?? '') ? block.id : undefined;
  return asText(isResult, 256) ?? asText(isCall, 256);
}

function previewOf(block: JsonObject): string {
  const call = asObject(block.function);
  const first = [
    block.text,
    block.thinking,
    block.content,
    block.output,
    block.input,
    block.arguments,
    block.summary,
    call?.arguments,
    block.description,
    call?.description,
  ].find((value) => value !== undefined && value !== null);
  return asPlainText(first).slice(0, previewCharacters);
}

/** Texts in a value, as far as a preview needs them. */
function asPlainText(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, previewCharacters);
  const parts = asArray(value);
  if (parts.length > 0) {
    return parts
      .slice(0, 8)
      .map((part) => asPlainText(asObject(part)?.text ?? asObject(part)?.refusal))
      .filter((text) => text !== '')
      .join('\n');
  }
  return typeof value === 'object' && value !== null ? (jsonOf(value) ?? '').slice(0, previewCharacters) : '';
}
