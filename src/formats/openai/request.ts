import { parseSmall } from '../anthropic/request.ts';
import { boundedNames } from '../bounded-names.ts';
import { type JsonSlices, sliceJson } from '../json-slices.ts';
import { asObject, asText, definedOnly } from '../json-value.ts';
import { type RequestFacts, unreadableRequest } from '../request-facts.ts';

/** The arrays of a chat completion or Responses request that are worth cutting into elements. */
export const openaiArrays: ReadonlySet<string> = new Set(['tools', 'messages', 'input']);

/** Reads a request for a chat completion or of the Responses API without building it. */
export function understandOpenaiRequest(
  bytes: Uint8Array,
  slices: JsonSlices | undefined = sliceJson(bytes, openaiArrays),
): RequestFacts {
  if (slices === undefined) return unreadableRequest;
  const messages = slices.elements.get('messages') ?? slices.elements.get('input');
  return definedOnly<RequestFacts>({
    askedModel: asText(parseSmall(bytes, slices, 'model')),
    isStreaming: parseSmall(bytes, slices, 'stream') === true,
    toolsDeclared: boundedNames(toolNames(bytes, slices)),
    messageCount: messages?.length ?? (slices.values.has('input') ? 1 : 0),
    systemCount: slices.values.has('instructions') ? 1 : 0,
    sessionId: asText(parseSmall(bytes, slices, 'prompt_cache_key'), 256),
    deviceId: undefined,
    accountId: undefined,
    isReadable: true,
  });
}

const noArrays: ReadonlySet<string> = new Set();

/** Chat completions keep the name in `function`, the Responses API beside `type`; built-in tools only have a type. */
function* toolNames(bytes: Uint8Array, slices: JsonSlices): Generator<string> {
  for (const element of slices.elements.get('tools') ?? []) {
    const tool = sliceJson(bytes, noArrays, { range: element });
    if (tool === undefined) continue;
    const name =
      asText(parseSmall(bytes, tool, 'name'), 256) ??
      asText(asObject(parseSmall(bytes, tool, 'function'))?.name, 256) ??
      asText(parseSmall(bytes, tool, 'type'), 256);
    if (name !== undefined) yield name;
  }
}
