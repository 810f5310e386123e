import { asObject, type JsonObject } from '#formats';
import {
  blocksOf,
  type ContentOptions,
  type ContentPart,
  contentParts,
  messageContent,
  textOf,
} from './anthropic-to-openai-content.ts';
import { quoted } from './dropped-words.ts';
import { jsonText } from './exact-json.ts';
import type { ToolIds } from './tool-ids.ts';
import type { ToolNames } from './tool-names.ts';

export interface MessageOptions extends ContentOptions {
  readonly thinking: 'drop' | 'keep-as-reasoning';
  readonly names: ToolNames;
  readonly ids: ToolIds;
}

/** One message of a conversation, its content as blocks. */
interface Turn {
  readonly role: 'user' | 'assistant' | 'system';
  readonly blocks: JsonObject[];
}

export type TurnsOrProblem = { readonly turns: readonly Turn[] } | { readonly sentence: string };

/** Reads the messages of a request; neighbours of the same role become one, as the Messages API has it. */
export function readTurns(messages: readonly unknown[]): TurnsOrProblem {
  const turns: Turn[] = [];
  for (const [index, item] of messages.entries()) {
    const message = asObject(item);
    const role = message?.role;
    if (role !== 'user' && role !== 'assistant' && role !== 'system') {
      return {
        sentence: `messages[${index}] has no role that can be translated: user, assistant or system.`,
      };
    }
    const content = message?.content;
    if (typeof content !== 'string' && !Array.isArray(content)) {
      return { sentence: `messages[${index}] has no content: it must be a string or a list of blocks.` };
    }
    const last = turns.at(-1);
    const blocks = blocksOf(content);
    if (last?.role === role) appendAll(last.blocks, blocks);
    else turns.push({ role, blocks: [...blocks] });
  }
  return { turns };
}

/** The conversation without its system prompt. Turns of which nothing is left are left out. */
export function translateTurns(turns: readonly Turn[], options: MessageOptions): readonly JsonObject[] {
  const conversation = createConversation(options);
  for (const turn of turns) {
    if (turn.role === 'assistant') conversation.assistant(turn.blocks);
    else if (turn.role === 'user') conversation.user(turn.blocks);
    else conversation.system(turn.blocks);
  }
  if (turns.at(-1)?.role === 'assistant') {
    options.dropped.add(
      'the beginning of the answer: the provider answers after it instead of going on with it',
    );
  }
  return conversation.finish();
}

/** A call of a tool as the client knows it; its input as text. */
interface Call {
  readonly id: string;
  readonly name: string;
  readonly args: string;
}

interface Conversation {
  assistant(blocks: readonly JsonObject[]): void;
  user(blocks: readonly JsonObject[]): void;
  system(blocks: readonly JsonObject[]): void;
  finish(): readonly JsonObject[];
}

/**
 * Where calls were made, their results must follow at once, each as a message of its own and every call with one. So
 * what comes between an assistant's message and the next is held until all of it is known.
 */
function createConversation(options: MessageOptions): Conversation {
  const { capabilities, dropped, ids } = options;
  const messages: JsonObject[] = [];
  /** Calls of the last assistant message, by the client's id. */
  let calls = new Map<string, Call>();
  let results = new Map<string, string>();
  /** Images and files of results, which have no place in them. */
  let shown: ContentPart[] = [];
  let following: { role: 'user' | 'system'; parts: ContentPart[] }[] = [];

  function assistant(blocks: readonly JsonObject[]): void {
    const answer = assistantMessage(blocks, options);
    // The turns around an empty one become neighbours.
    if (answer === undefined) return;
    release();
    const last = messages.at(-1);
    if (last?.role === 'assistant') messages[messages.length - 1] = joinedAnswer(last, answer.message);
    else messages.push(answer.message);
    calls = answer.calls;
  }

  function user(blocks: readonly JsonObject[]): void {
    for (const block of blocks) {
      if (block.type === 'tool_result') takeResult(block);
      else follow('user', contentParts([block], options));
    }
  }

  function system(blocks: readonly JsonObject[]): void {
    const changes = (type: unknown) => type === 'tool_addition' || type === 'tool_removal'; // They are in the tools.
    const parts = contentParts(
      blocks.filter(({ type }) => !changes(type)),
      options,
    );
    if (capabilities.systemAnywhere === true) follow('system', parts);
    else if (parts.length > 0)
      follow('user', [{ type: 'text', text: `<system>\n${textOf(parts)}\n</system>` }]);
  }

  function follow(role: 'user' | 'system', parts: readonly ContentPart[]): void {
    if (parts.length === 0) return;
    const last = following.at(-1);
    if (last?.role === role) appendAll(last.parts, parts);
    else following.push({ role, parts: [...parts] });
  }

  function takeResult(block: JsonObject): void {
    const id = typeof block.tool_use_id === 'string' ? block.tool_use_id : '';
    const parts = contentParts(blocksOf(block.content), options);
    const attachments = parts.filter(({ type }) => type !== 'text');
    const text = resultText(textOf(parts), attachments.length > 0, block.is_error === true);
    const call = calls.get(id);
    if (call === undefined || results.has(id)) {
      follow('user', [
        { type: 'text', text: `Result of an earlier call of a tool:\n${text}` },
        ...attachments,
      ]);
      return;
    }
    results.set(id, text);
    if (attachments.length === 0) return;
    shown.push({ type: 'text', text: `This belongs to the result of ${call.name}:` });
    appendAll(shown, attachments);
  }

  /** Writes what was held: results first, then what came beside them. */
  function release(): void {
    for (const { id } of calls.values()) {
      if (!results.has(id)) dropped.add('a call of a tool without a result: it is said to be missing');
      const content = results.get(id) ?? 'There is no result: the call was not carried out.';
      messages.push({ role: 'tool', tool_call_id: ids.accepted(id), content });
    }
    if (shown.length > 0) following = [{ role: 'user', parts: shown }, ...following];
    if (following.length > 0 && calls.size > 0 && capabilities.userAfterTool === false) {
      messages.push({ role: 'assistant', content: 'I have the results.' });
    }
    for (const { role, parts } of joined(following)) {
      messages.push(
        role === 'user'
          ? { role, content: messageContent(parts) }
          : { role: capabilities.systemRole, content: textOf(parts) },
      );
    }
    calls = new Map();
    results = new Map();
    shown = [];
    following = [];
  }

  return {
    assistant,
    user,
    system,
    finish() {
      release();
      return messages;
    },
  };
}

function joined<Message extends { role: string; parts: ContentPart[] }>(
  messages: readonly Message[],
): Message[] {
  const answer: Message[] = [];
  for (const message of messages) {
    const last = answer.at(-1);
    if (last?.role === message.role) appendAll(last.parts, message.parts);
    else answer.push(message);
  }
  return answer;
}

/** Two answers with nothing between them. Only the second may have calls: after calls there are results. */
function joinedAnswer(first: JsonObject, second: JsonObject): JsonObject {
  const reasoning = joinedText(first.reasoning_content, second.reasoning_content);
  return {
    ...second,
    content: joinedText(first.content, second.content),
    ...(reasoning === null ? {} : { reasoning_content: reasoning }),
  };
}

function joinedText(first: unknown, second: unknown): string | null {
  const texts = [first, second].filter((text) => typeof text === 'string');
  return texts.length === 0 ? null : texts.join('\n\n');
}

/** Lists from outside may be longer than a call has room for arguments. */
function appendAll<Item>(target: Item[], items: readonly Item[]): void {
  for (const item of items) target.push(item);
}

function resultText(text: string, hasAttachments: boolean, isError: boolean): string {
  const body =
    text !== '' ? text : hasAttachments ? 'The result follows in the next message.' : '(no output)';
  return isError ? `The call failed:\n${body}` : body;
}

interface AssistantMessage {
  readonly message: JsonObject;
  /** By the client's id. */
  readonly calls: Map<string, Call>;
}

function assistantMessage(
  blocks: readonly JsonObject[],
  options: MessageOptions,
): AssistantMessage | undefined {
  const texts: string[] = [];
  const reasoning: string[] = [];
  const calls = new Map<string, Call>();
  for (const block of blocks) {
    switch (block.type) {
      case 'text':
        if (typeof block.text === 'string') texts.push(block.text);
        break;
      case 'thinking':
        if (typeof block.thinking === 'string') reasoning.push(block.thinking);
        break;
      case 'redacted_thinking':
        options.dropped.add('redacted thinking of earlier turns: only Anthropic can read it');
        break;
      case 'compaction':
        if (typeof block.content === 'string') texts.push(block.content);
        break;
      case 'tool_use':
        takeCall(block, { texts, calls, options });
        break;
      default:
        options.dropped.add(`content of the type ${quoted(block.type)} in an earlier answer`);
    }
  }

  const content = texts.filter((text) => text !== '').join('\n\n');
  const kept = keptReasoning(reasoning, options);
  if (content === '' && calls.size === 0) return undefined;
  const message = {
    role: 'assistant',
    content: content === '' ? null : content,
    ...(kept === undefined ? {} : { reasoning_content: kept }),
    ...(calls.size === 0 ? {} : { tool_calls: [...calls.values()].map((call) => wireCall(call, options)) }),
  };
  return { message, calls };
}

function wireCall({ id, name, args }: Call, { capabilities, ids, names }: MessageOptions): JsonObject {
  const called = { name: names.shorten(name), arguments: args };
  return { id: ids.accepted(id), type: 'function', function: called, ...capabilities.toolCallExtra };
}

interface CallSink {
  readonly texts: string[];
  readonly calls: Map<string, Call>;
  readonly options: MessageOptions;
}

/** A model that calls no tools is told of earlier calls in words. */
function takeCall({ id, name, input }: JsonObject, { texts, calls, options }: CallSink): void {
  const args = jsonText(asObject(input) ?? (input === undefined || input === null ? {} : { _raw: input }));
  if (typeof id !== 'string' || typeof name !== 'string' || args === undefined || calls.has(id)) {
    options.dropped.add('an earlier call of a tool that is not readable');
  } else if (options.capabilities.tools) {
    calls.set(id, { id, name, args });
  } else {
    texts.push(`[I called the tool ${name} with ${args}]`);
  }
}

function keptReasoning(reasoning: readonly string[], options: MessageOptions): string | undefined {
  const text = reasoning.filter((piece) => piece !== '').join('\n\n');
  if (text === '') return undefined;
  const isTaken = options.capabilities.reasoningHistory !== 'none';
  if (options.thinking === 'keep-as-reasoning' && isTaken) return text;
  options.dropped.add('thinking of earlier turns');
  return undefined;
}
