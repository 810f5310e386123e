import { asArray, asObject, asText, findJsonValues, parseJson } from '#formats';
import type { KnownBody } from '#routing';
import type { AgentClues } from './agent-names.ts';
import type { HeldBody } from './held-body.ts';

/** The part of a body that rules may look at. */
const peekedBytesMax = 1024 * 1024;

const wantedKeys: ReadonlySet<string> = new Set(['model', 'thinking', 'tools']);

/**
 * Holds the beginning of a body until it has said everything that rules may ask for, it is whole, or its first MiB is
 * there. The text is scanned again only when it has doubled.
 */
export async function peekBody(held: HeldBody): Promise<KnownBody> {
  return readBody(await holdKeys(held, wantedKeys));
}

/** What the beginning of a body says about its agent. */
export async function peekAgentClues(held: HeldBody): Promise<AgentClues> {
  const prefix = await holdKeys(held, clueKeys);
  const values = findJsonValues(prefix, clueKeys);
  const read = (key: string): unknown => {
    const range = values.get(key);
    return range === undefined ? undefined : parseJson(prefix.subarray(range.start, range.end));
  };
  const first = asArray(read('messages'))
    .map(asObject)
    .find((message) => message?.role === 'user');
  return { systemTexts: textsOf(read('system')), firstTexts: textsOf(first?.content) };
}

const clueKeys: ReadonlySet<string> = new Set(['system', 'messages']);

async function holdKeys(held: HeldBody, keys: ReadonlySet<string>): Promise<Buffer> {
  let scanAt = 1;
  await held.grow(() => {
    if (held.bytes >= peekedBytesMax) return true;
    if (held.bytes < scanAt) return false;
    scanAt = held.bytes * 2;
    return findJsonValues(held.joined(), keys).size === keys.size;
  });
  // Not what came with the last piece by chance: the same request is always routed the same way.
  return held.joined().subarray(0, peekedBytesMax);
}

/** A text, or the texts of blocks, whatever is between them. */
function textsOf(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content];
  return asArray(content).flatMap((block) => asText(asObject(block)?.text, peekedBytesMax) ?? []);
}

/** The model that a body names; undefined when it names none or cannot be read. */
export function modelOf(body: Uint8Array): string | undefined {
  const range = findJsonValues(body, modelKey).get('model');
  return range === undefined ? undefined : asText(parseJson(body.subarray(range.start, range.end)), 256);
}

const modelKey: ReadonlySet<string> = new Set(['model']);

function readBody(prefix: Uint8Array): KnownBody {
  const values = findJsonValues(prefix, wantedKeys);
  const read = (key: string): unknown => {
    const range = values.get(key);
    return range === undefined ? undefined : parseJson(prefix.subarray(range.start, range.end));
  };
  const model = asText(read('model'), 256);
  const thinking = asText(asObject(read('thinking'))?.type, 32);
  const tools = asArray(read('tools')).flatMap((tool) => asText(nameOf(asObject(tool)), 256) ?? []);
  return {
    bytes: prefix.length,
    tools,
    ...(model === undefined ? {} : { model }),
    ...(thinking === undefined ? {} : { isThinking: thinking !== 'disabled' }),
  };
}

/** OpenAI's chat completions name a tool one level deeper. */
function nameOf(tool: Readonly<Record<string, unknown>> | undefined): unknown {
  return tool?.name ?? asObject(tool?.function)?.name;
}
