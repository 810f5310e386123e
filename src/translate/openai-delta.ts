import { asArray, asObject, type JsonObject } from '#formats';
import { type DroppedWords, quoted } from './dropped-words.ts';
import { jsonText } from './exact-json.ts';

/** What one `delta` of a stream says, or the `message` of a whole answer: both have the same keys. */
export interface DeltaParts {
  readonly reasoning: string;
  readonly text: string;
  /** Why the model does not answer, in its own words. */
  readonly refusal: string;
  readonly calls: readonly CallPiece[];
}

/** A part of a call of a tool. Everything may be missing, or come in pieces. */
export interface CallPiece {
  readonly index?: number;
  readonly id?: string;
  readonly name: string;
  readonly args: string;
}

/** Keys that are read, repeat themselves, or say nothing to the client. */
const known: ReadonlySet<string> = new Set([
  'role',
  'content',
  'refusal',
  'reasoning',
  'reasoning_content',
  'reasoning_text',
  'reasoning_details',
  'tool_calls',
  'function_call',
  'name',
  'index',
  'prefix',
  'token_ids',
  'provider_specific_fields',
]);

export function readDelta(delta: JsonObject, dropped: DroppedWords): DeltaParts {
  for (const key of Object.keys(delta)) {
    if (!known.has(key) && !isNothing(delta[key])) dropped.add(`${quoted(key)} of the answer`);
  }
  const content = readContent(delta.content, dropped);
  return {
    reasoning: content.reasoning + readReasoning(delta),
    text: content.text,
    refusal: textOf(delta.refusal),
    calls: readCalls(delta, dropped),
  };
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** A string; a list of parts from Mistral, whose reasoning models think in parts as well. */
function readContent(content: unknown, dropped: DroppedWords): { text: string; reasoning: string } {
  if (typeof content === 'string') return { text: content, reasoning: '' };
  let text = '';
  let reasoning = '';
  for (const item of asArray(content)) {
    const part = asObject(item);
    if (typeof item === 'string') text += item;
    else if (part?.type === 'text' || part?.type === 'output_text') text += textOf(part.text);
    else if (part?.type === 'refusal') text += textOf(part.refusal);
    else if (part?.type === 'thinking') reasoning += thoughtsOf(part.thinking);
    else dropped.add(`content of the type ${quoted(part?.type)} in the answer`);
  }
  return { text, reasoning };
}

function thoughtsOf(thinking: unknown): string {
  if (typeof thinking === 'string') return thinking;
  return asArray(thinking)
    .map((item) => textOf(asObject(item)?.text))
    .join('');
}

/** Providers that know several of these fields say the same in all of them. */
function readReasoning(delta: JsonObject): string {
  const { reasoning_content: content, reasoning, reasoning_text: text, reasoning_details: details } = delta;
  const plain = textOf(content) || textOf(reasoning) || textOf(text);
  if (plain !== '') return plain;
  return asArray(details)
    .map((item) => {
      const detail = asObject(item);
      return textOf(detail?.text) || textOf(detail?.summary);
    })
    .join('');
}

function readCalls(delta: JsonObject, dropped: DroppedWords): readonly CallPiece[] {
  const calls = asArray(delta.tool_calls).flatMap((item) => {
    const call = asObject(item);
    if (call === undefined) return [];
    if (!isNothing(call.extra_content))
      dropped.add('the signature of a call, which only its provider can read');
    return [readCall(call, asObject(call.function) ?? asObject(call.custom))];
  });
  // The older field has room for one call only, so all its pieces belong together.
  const single = asObject(delta.function_call);
  return single === undefined ? calls : [...calls, { ...readCall({}, single), index: 0 }];
}

function readCall({ index, id }: JsonObject, called: JsonObject | undefined): CallPiece {
  return {
    ...(typeof index === 'number' && Number.isSafeInteger(index) ? { index } : {}),
    ...(typeof id === 'string' && id !== '' ? { id } : {}),
    name: textOf(called?.name),
    args: argumentsOf(called?.arguments ?? called?.input),
  };
}

/** Arguments should be text; some servers give the object itself. */
function argumentsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : (jsonText(value) ?? '');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
