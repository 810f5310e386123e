import { asArray, asObject, type JsonObject } from '#formats';
import type { DroppedWords } from './dropped-words.ts';
import { contentBlocksOf, textBlock, textOfContent } from './openai-to-anthropic-content.ts';
import type { ToolIds } from './tool-ids.ts';
import { toolInput } from './tool-input.ts';
import type { ToolNames } from './tool-names.ts';

export interface ChatMessageOptions {
  readonly names: ToolNames;
  readonly ids: ToolIds;
  readonly dropped: DroppedWords;
}

/** One message of the Messages API. */
export interface AnthropicTurn {
  readonly role: 'user' | 'assistant';
  readonly content: JsonObject[];
}

export interface ChatConversation {
  /** What the system and developer messages at the beginning say. */
  readonly system: readonly string[];
  readonly turns: readonly AnthropicTurn[];
  /** Names of tools that were called, as the provider knows them. */
  readonly called: ReadonlySet<string>;
  /** The last answer called tools. */
  readonly isInToolLoop: boolean;
}

/**
 * Says the messages of a chat completion as turns. Neighbours of the same role become one turn, the results of calls
 * stand first in the turn that follows them, and every call has one: the Messages API refuses anything else.
 */
export function translateChatMessages(
  messages: readonly unknown[],
  options: ChatMessageOptions,
): ChatConversation | { readonly sentence: string } {
  const conversation = createConversation(options);
  for (const [index, item] of messages.entries()) {
    const message = asObject(item) ?? {};
    if (message.name !== undefined && message.role !== 'tool')
      options.dropped.add('the name of a participant');
    switch (message.role) {
      case 'system':
      case 'developer':
        conversation.system(message);
        break;
      case 'user':
        conversation.user(contentBlocksOf(message.content, options.dropped));
        break;
      case 'assistant':
        conversation.assistant(message);
        break;
      case 'tool':
        conversation.result(message);
        break;
      default:
        return {
          sentence: `messages[${index}] has no role that can be translated: system, developer, user, assistant or tool.`,
        };
    }
  }
  return conversation.finish();
}

/** A call of the last answer. Ids may repeat in the client's words, never in Anthropic's. */
interface OpenCall {
  readonly id: string;
  result: JsonObject | undefined;
}

interface Conversation {
  system(message: JsonObject): void;
  user(blocks: readonly JsonObject[]): void;
  assistant(message: JsonObject): void;
  result(message: JsonObject): void;
  finish(): ChatConversation;
}

function createConversation({ names, ids, dropped }: ChatMessageOptions): Conversation {
  const systemTexts: string[] = [];
  const turns: AnthropicTurn[] = [];
  const called = new Set<string>();
  const usedIds = new Set<string>();
  let isInToolLoop = false;
  let openCalls: OpenCall[] = [];
  /** Those that wait for their result, by the client's id; the first in turn stands last. */
  let waiting = new Map<string, OpenCall[]>();
  /** What the user says before all results are there. */
  let following: JsonObject[] = [];

  function append(role: 'user' | 'assistant', blocks: readonly JsonObject[]): void {
    if (blocks.length === 0) return;
    const last = turns.at(-1);
    if (last?.role === role) for (const block of blocks) last.content.push(block);
    else turns.push({ role, content: [...blocks] });
  }

  function release(): void {
    for (const { id, result } of openCalls) {
      if (result === undefined) dropped.add('a call of a tool without a result: it is said to be missing');
      append('user', [result ?? toolResult(id, 'There is no result: the call was not carried out.')]);
    }
    append('user', following);
    openCalls = [];
    waiting = new Map();
    following = [];
  }

  function user(blocks: readonly JsonObject[]): void {
    for (const block of blocks) following.push(block);
  }

  function newId(clientId: string): string {
    let id = ids.accepted(clientId);
    for (let n = 2; usedIds.has(id); n += 1) id = ids.accepted(`${clientId}#${usedIds.size}.${n}`);
    usedIds.add(id);
    return id;
  }

  function takeCall(item: unknown): JsonObject | undefined {
    const call = asObject(item) ?? {};
    const { name, arguments: args, input } = asObject(call.function) ?? asObject(call.custom) ?? {};
    if (typeof call.id !== 'string' || typeof name !== 'string' || name === '') {
      dropped.add('an earlier call of a tool that is not readable');
      return undefined;
    }
    const id = newId(call.id);
    const providerName = names.shorten(name);
    called.add(providerName);
    const open = { id, result: undefined };
    openCalls.push(open);
    const sameId = waiting.get(call.id);
    if (sameId === undefined) waiting.set(call.id, [open]);
    else sameId.push(open);
    return { type: 'tool_use', id, name: providerName, input: inputOf(args ?? input) };
  }

  return {
    system({ content }) {
      const text = textOfContent(content, dropped);
      if (text === '') return;
      const isFirst = turns.length === 0 && following.length === 0;
      if (isFirst) systemTexts.push(text);
      else user([textBlock(`<system>\n${text}\n</system>`)]);
    },
    user,
    assistant(message) {
      const text = textOfContent(message.content ?? message.refusal, dropped);
      if (message.reasoning_content || message.reasoning || message.reasoning_details) {
        dropped.add('reasoning of earlier turns: Anthropic takes only what it has signed');
      }
      if (message.function_call) dropped.add('an earlier call in the old field function_call');
      if (message.audio) dropped.add('an earlier answer that was spoken');
      const items = asArray(message.tool_calls);
      if (text === '' && items.length === 0) return;
      release();
      const calls = items.map(takeCall).filter((call) => call !== undefined);
      for (const sameId of waiting.values()) sameId.reverse();
      append('assistant', [...(text === '' ? [] : [textBlock(text)]), ...calls]);
      isInToolLoop = calls.length > 0;
    },
    result({ tool_call_id: clientId, content }) {
      const blocks = contentBlocksOf(content, dropped);
      const open = typeof clientId === 'string' ? waiting.get(clientId)?.pop() : undefined;
      if (open === undefined) user([textBlock('Result of an earlier call of a tool:'), ...blocks]);
      else open.result = toolResult(open.id, resultContent(blocks));
    },
    finish() {
      release();
      return { system: systemTexts, turns, called, isInToolLoop };
    },
  };
}

function inputOf(args: unknown): unknown {
  if (typeof args === 'string') return toolInput(args);
  return asObject(args) ?? (args === undefined || args === null ? {} : { _raw: args });
}

function toolResult(id: string, content: unknown): JsonObject {
  return { type: 'tool_result', tool_use_id: id, content };
}

function resultContent(blocks: readonly JsonObject[]): string | readonly JsonObject[] {
  if (blocks.length === 0) return '(no output)';
  return blocks.length === 1 && typeof blocks[0]!.text === 'string' ? blocks[0]!.text : blocks;
}
