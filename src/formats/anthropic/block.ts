import { asArray, asObject, copyObject, type JsonObject, parseJson } from '../json-value.ts';

/** Puts one content block together from its start and its deltas. */
export interface BlockBuilder {
  delta(delta: JsonObject | undefined): void;
  /** The block as a message without streaming would hold it. */
  finish(): JsonObject;
}

/**
 * Blocks of any type, also types that do not exist yet: what the start said is kept, known deltas are applied, and
 * deltas of an unknown type are listed under `unrecognised_deltas`.
 */
export function buildBlock(start: JsonObject | undefined): BlockBuilder {
  const block = copyObject(start);
  const texts = new Map<string, string>();
  let inputJson: string | undefined;
  let citations: unknown[] | undefined;
  let unrecognised: JsonObject[] | undefined;

  function append(key: string, piece: unknown): void {
    if (typeof piece !== 'string') return;
    const before = texts.get(key) ?? (typeof block[key] === 'string' ? (block[key] as string) : '');
    texts.set(key, before + piece);
  }

  function delta(value: JsonObject | undefined): void {
    if (value === undefined) return;
    switch (value.type) {
      case 'text_delta':
        append('text', value.text);
        return;
      case 'thinking_delta':
        append('thinking', value.thinking);
        return;
      case 'signature_delta':
        append('signature', value.signature);
        return;
      case 'input_json_delta':
        if (typeof value.partial_json === 'string') inputJson = (inputJson ?? '') + value.partial_json;
        return;
      case 'citations_delta':
        citations ??= [...asArray(block.citations)];
        citations.push(value.citation);
        return;
      default:
        unrecognised ??= [];
        unrecognised.push(value);
    }
  }

  function finish(): JsonObject {
    const whole = copyObject(block);
    if (whole.type === undefined) whole.type = guessType(texts, inputJson);
    for (const [key, text] of texts) whole[key] = text;
    if (citations !== undefined) whole.citations = citations;
    if (unrecognised !== undefined) whole.unrecognised_deltas = unrecognised;
    if (inputJson !== undefined && inputJson !== '') takeInput(whole, inputJson);
    return whole;
  }

  return { delta, finish };
}

/** The input of a call that was cut off in the middle is kept as text, because a part of JSON is not JSON. */
function takeInput(block: { [key: string]: unknown }, inputJson: string): void {
  const input = parseJson(inputJson);
  if (asObject(input) !== undefined || Array.isArray(input)) block.input = input;
  else block.partial_json = inputJson;
}

/** For a block whose start was lost. */
function guessType(texts: ReadonlyMap<string, string>, inputJson: string | undefined): string {
  if (inputJson !== undefined) return 'tool_use';
  return texts.has('thinking') ? 'thinking' : 'text';
}
