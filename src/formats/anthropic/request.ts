import { boundedNames } from '../bounded-names.ts';
import { type JsonSlices, sliceJson } from '../json-slices.ts';
import { asObject, asText, definedOnly, parseJson, utf8 } from '../json-value.ts';
import { type RequestFacts, unreadableRequest } from '../request-facts.ts';

/** The arrays of a Messages request that are worth cutting into elements. */
export const anthropicArrays: ReadonlySet<string> = new Set(['system', 'tools', 'messages']);

/**
 * Reads the request of the Messages API without building it: only the few small values that are facts are parsed.
 * @param slices the scan of the same bytes, when the caller has one already
 */
export function understandAnthropicRequest(
  bytes: Uint8Array,
  slices: JsonSlices | undefined = sliceJson(bytes, anthropicArrays),
): RequestFacts {
  if (slices === undefined) return unreadableRequest;
  const system = slices.values.get('system');
  return definedOnly<RequestFacts>({
    askedModel: asText(parseSmall(bytes, slices, 'model')),
    isStreaming: parseSmall(bytes, slices, 'stream') === true,
    toolsDeclared: boundedNames(toolNames(bytes, slices)),
    messageCount: slices.elements.get('messages')?.length ?? 0,
    systemCount: slices.elements.get('system')?.length ?? (system === undefined ? 0 : 1),
    ...clientOf(parseSmall(bytes, slices, 'metadata')),
    isReadable: true,
  });
}

const smallBytesMax = 64 * 1024;

/** The parsed value of a top-level key; undefined when absent or too large to be what we look for. */
export function parseSmall(bytes: Uint8Array, slices: JsonSlices, key: string): unknown {
  const range = slices.values.get(key);
  if (range === undefined || range.end - range.start > smallBytesMax) return undefined;
  return parseJson(utf8(bytes, range.start, range.end));
}

const noArrays: ReadonlySet<string> = new Set();

function* toolNames(bytes: Uint8Array, slices: JsonSlices): Generator<string> {
  for (const element of slices.elements.get('tools') ?? []) {
    const tool = sliceJson(bytes, noArrays, { range: element });
    const name = tool === undefined ? undefined : asText(parseSmall(bytes, tool, 'name'), 256);
    if (name !== undefined) yield name;
  }
}

interface Client {
  readonly sessionId: string | undefined;
  readonly deviceId: string | undefined;
  readonly accountId: string | undefined;
}

/** `metadata.user_id` is JSON in a string; older clients joined the parts with underscores. */
function clientOf(metadata: unknown): Client {
  const userId = asText(asObject(metadata)?.user_id, 4096) ?? '';
  const user = asObject(userId.startsWith('{') ? parseJson(userId) : undefined);
  const joined = /_session_([0-9a-f-]{36})$/.exec(userId);
  return {
    sessionId: asText(user?.session_id, 256) ?? joined?.[1],
    deviceId: asText(user?.device_id, 256),
    accountId: asText(user?.account_uuid, 256),
  };
}
