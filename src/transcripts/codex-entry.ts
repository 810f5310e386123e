import { asCount, asObject, asText, type JsonObject } from '#formats';
import type { Entry, EntryBlock, EntryKind } from './entry.ts';
import { instantOf, present, textOf } from './entry-values.ts';

const kinds: ReadonlyMap<string, EntryKind> = new Map<string, EntryKind>([
  ['session_meta', 'bookkeeping'],
  ['turn_context', 'bookkeeping'],
  ['event_msg', 'bookkeeping'],
  ['world_state', 'bookkeeping'],
  ['compacted', 'system'],
  ['token_usage_record', 'bookkeeping'],
]);

/**
 * Reads a line of a Codex rollout. Its answers are not tied to their tokens by a line of their own: a
 * `token_usage_record` names the response, which is the id that the wire had as well.
 */
export function readCodexEntry(record: JsonObject): Entry {
  const type = asText(record.type, 64) ?? '';
  const payload = asObject(record.payload);
  const item = type === 'response_item' ? itemOf(payload) : undefined;
  const usage = type === 'token_usage_record' ? usageOf(asObject(payload?.usage)) : undefined;
  return present<Entry>({
    kind: item?.kind ?? kinds.get(type) ?? 'unknown',
    type,
    subtype: asText(payload?.type, 64),
    uuid: type === 'response_item' ? asText(payload?.id, 128) : undefined,
    parentUuid: undefined,
    sessionId: asText(payload?.session_id, 128),
    requestSessionId: undefined,
    agentId: undefined,
    atMs: instantOf(record.timestamp),
    cwd: asText(payload?.cwd, 4_096),
    gitBranch: asText(asObject(payload?.git)?.branch, 512),
    version: asText(payload?.cli_version, 64),
    isMeta: item?.isMeta ?? false,
    isSidechain: false,
    requestId: undefined,
    messageId: type === 'token_usage_record' ? asText(payload?.response_id, 256) : undefined,
    requestRef: undefined,
    requestDigest: undefined,
    role: item?.role,
    model: type === 'turn_context' ? asText(payload?.model, 256) : undefined,
    stopReason: undefined,
    usage,
    isApiError: false,
    blocks: item?.blocks ?? [],
    record,
  });
}

interface Item {
  readonly kind: EntryKind;
  readonly role?: string;
  readonly isMeta: boolean;
  readonly blocks: readonly EntryBlock[];
}

function itemOf(payload: JsonObject | undefined): Item {
  const toolUseId = asText(payload?.call_id, 256);
  switch (payload?.type) {
    case 'message': {
      const role = asText(payload.role, 32) ?? '';
      const text = textOf(payload.content);
      return {
        kind: role === 'assistant' ? 'assistant' : role === 'user' ? 'user' : 'system',
        role,
        // The client's own words about its surroundings come in the role of the user.
        isMeta: role !== 'assistant' && /^\s*<[a-z_]+>/.test(text),
        blocks: text === '' ? [] : [{ kind: 'text', text }],
      };
    }
    case 'reasoning': {
      const text = textOf(payload.summary) || textOf(payload.content);
      return {
        kind: 'assistant',
        role: 'assistant',
        isMeta: false,
        blocks: text === '' ? [] : [{ kind: 'thinking', text }],
      };
    }
    case 'function_call':
    case 'custom_tool_call':
    case 'local_shell_call':
    case 'web_search_call': {
      const input = payload.arguments ?? payload.input ?? payload.action ?? '';
      const block = present<EntryBlock>({
        kind: 'tool-use',
        toolName: asText(payload.name, 256) ?? String(payload.type),
        toolUseId,
        text: typeof input === 'string' ? input : JSON.stringify(input),
      });
      return { kind: 'assistant', role: 'assistant', isMeta: false, blocks: [block] };
    }
    case 'function_call_output':
    case 'custom_tool_call_output': {
      const output = asObject(payload.output)?.content ?? payload.output;
      const block = present<EntryBlock>({ kind: 'tool-result', toolUseId, text: textOf(output) });
      return { kind: 'user', role: 'user', isMeta: false, blocks: [block] };
    }
    default:
      return { kind: 'unknown', isMeta: false, blocks: [] };
  }
}

/** OpenAI counts cached tokens as a part of the input; we count them apart. */
function usageOf(usage: JsonObject | undefined): Entry['usage'] {
  if (usage === undefined) return undefined;
  const all = asCount(usage.input_tokens);
  const read = asCount(usage.cached_input_tokens);
  const written = asCount(usage.cache_write_input_tokens);
  return present<NonNullable<Entry['usage']>>({
    inputTokens: all === undefined ? undefined : Math.max(0, all - (read ?? 0)),
    outputTokens: asCount(usage.output_tokens),
    cacheReadTokens: read,
    cacheWriteTokens: written,
    cacheWrite5mTokens: undefined,
    cacheWrite1hTokens: undefined,
    thinkingTokens: asCount(usage.reasoning_output_tokens),
    serverToolRequests: undefined,
    serviceTier: undefined,
  });
}
