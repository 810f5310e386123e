import { asArray, asObject, type JsonObject, parseJson } from './json-value.ts';

/** What a piece of a conversation is: `system` is what a program told the model, the rest is what was said and done. */
export type SaidKind = 'text' | 'thinking' | 'tool-input' | 'tool-result' | 'system';
export type SaidRole = 'user' | 'assistant' | 'system';

/** One block of a message as text to search in. */
export interface Said {
  readonly role: SaidRole;
  readonly kind: SaidKind;
  readonly text: string;
}

/** Longer blocks are cut: what is searched is what somebody might have read. */
export const saidCharactersMax = 200_000;

/**
 * The texts in one message, in the form of Anthropic, of chat completions or of the Responses API. Equal texts come out
 * equal whether a message was streamed, sent again as part of the next request, or written to a transcript.
 */
export function saidInMessage(message: unknown): Said[] {
  const item = asObject(message);
  if (item === undefined) return typeof message === 'string' ? kept([text('user', message)]) : [];
  const role = roleOf(item.role);
  if (item.type === 'function_call') return kept([toolInput(item.name, item.arguments)]);
  if (item.type === 'function_call_output') return kept([toolResult(item.output)]);
  if (item.type === 'reasoning') return kept(asArray(item.summary).map((part) => thinking(textIn(part))));
  if (item.role === 'tool') return kept([toolResult(item.content)]);
  const content =
    typeof item.content === 'string' ? [text(role, item.content)] : blocksOf(item.content, role);
  const calls = asArray(item.tool_calls).map((call) => {
    const made = asObject(asObject(call)?.function);
    return toolInput(made?.name, made?.arguments);
  });
  return kept([...content, ...calls]);
}

/** The texts in an answer that came whole or was put together from a stream. */
export function saidInAnswer(answer: JsonObject): Said[] {
  const choices = asArray(answer.choices).map((choice) => asObject(choice)?.message);
  const items = choices.length > 0 ? choices : asArray(answer.output);
  if (items.length === 0) return saidInMessage({ role: 'assistant', content: answer.content });
  return items.flatMap((item) => saidInMessage(item));
}

/** The texts in a system prompt. */
export function saidInSystem(system: unknown): Said[] {
  return saidInMessage({ role: 'system', content: system });
}

function blocksOf(content: unknown, role: SaidRole): Said[] {
  return asArray(content).flatMap((part) => {
    const block = asObject(part);
    switch (block?.type) {
      case 'thinking':
        return [thinking(block.thinking)];
      case 'tool_use':
      case 'server_tool_use':
      case 'mcp_tool_use':
        return [toolInput(block.name, block.input)];
      case 'tool_result':
      case 'mcp_tool_result':
        return [toolResult(block.content)];
      case undefined:
        return [];
      default:
        return [text(role, textIn(block))];
    }
  });
}

function text(role: SaidRole, value: unknown): Said {
  const said = typeof value === 'string' ? value : '';
  // Clients add these to what people write.
  const isSystem = role === 'system' || said.startsWith('<system-reminder>');
  return { role, kind: isSystem ? 'system' : 'text', text: isBilling(said) ? '' : said };
}

function thinking(value: unknown): Said {
  return { role: 'assistant', kind: 'thinking', text: typeof value === 'string' ? value : '' };
}

function toolInput(name: unknown, input: unknown): Said {
  const value = typeof input === 'string' ? (parseJson(input) ?? input) : input;
  const lines = [typeof name === 'string' ? name : '', ...stringsIn(value, 0)];
  return { role: 'assistant', kind: 'tool-input', text: lines.join('\n') };
}

function toolResult(content: unknown): Said {
  const parts = typeof content === 'string' ? [content] : asArray(content).map((part) => textIn(part));
  return {
    role: 'user',
    kind: 'tool-result',
    text: parts.filter((part) => typeof part === 'string').join('\n'),
  };
}

function textIn(part: unknown): unknown {
  const block = asObject(part);
  return block?.text ?? block?.refusal;
}

const nestedMax = 12;

/** Texts of a call's input, in the order in which they stand there; names of keys are no text. */
function* stringsIn(value: unknown, depth: number): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null && depth < nestedMax)
    for (const inner of Object.values(value)) yield* stringsIn(inner, depth + 1);
}

/** A line that differs from conversation to conversation, and is for nobody to read. */
function isBilling(said: string): boolean {
  return said.startsWith('x-anthropic-billing-header:');
}

function roleOf(role: unknown): SaidRole {
  if (role === 'assistant') return 'assistant';
  return role === 'system' || role === 'developer' ? 'system' : 'user';
}

function kept(all: readonly Said[]): Said[] {
  return all
    .filter(({ text }) => text.trim() !== '')
    .map((said) => ({ ...said, text: said.text.slice(0, saidCharactersMax) }));
}
