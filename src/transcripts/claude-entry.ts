import { asArray, asObject, asText, type JsonObject, usageFromAnthropic } from '#formats';
import type { Entry, EntryBlock, EntryKind } from './entry.ts';
import { instantOf, present, textOf } from './entry-values.ts';

/** Every type that was met in recordings or is known of; new ones come with most releases and are kept as unknown. */
const kinds: ReadonlyMap<string, EntryKind> = new Map<string, EntryKind>([
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['system', 'system'],
  ['attachment', 'attachment'],
  ['summary', 'title'],
  ['custom-title', 'title'],
  ['ai-title', 'title'],
  ['agent-name', 'title'],
  ...[
    'api-request',
    'api-request-blob',
    'api-request-resumed',
    'api-request-shape',
    'atis-latch',
    'content-replacement',
    'continued-in',
    'cost-state',
    'derived-from',
    'file-history-delta',
    'file-history-snapshot',
    'fork-context-ref',
    'last-prompt',
    'mode',
    'permission-mode',
    'pr-link',
    'progress',
    'queue-operation',
    'tag',
    'tools-used',
    'worktree-state',
  ].map((type): [string, EntryKind] => [type, 'bookkeeping']),
]);

/** Reads a line of Claude Code, of any version. */
export function readClaudeEntry(record: JsonObject): Entry {
  const type = asText(record.type, 64) ?? '';
  const kind = kinds.get(type) ?? 'unknown';
  const message = asObject(record.message);
  const isAnswer = kind === 'assistant';
  return present<Entry>({
    kind,
    type,
    subtype: asText(record.subtype, 64) ?? asText(asObject(record.attachment)?.type, 64),
    uuid: asText(record.uuid, 128),
    parentUuid: asText(record.parentUuid, 128),
    sessionId: asText(record.sessionId, 128),
    requestSessionId: asText(record.requestSessionId, 128),
    agentId: asText(record.agentId, 128),
    atMs: instantOf(record.timestamp),
    cwd: asText(record.cwd, 4_096),
    gitBranch: asText(record.gitBranch, 512),
    version: asText(record.version, 64),
    isMeta: record.isMeta === true,
    isSidechain: record.isSidechain === true,
    requestId: asText(record.requestId, 256),
    messageId: isAnswer ? asText(message?.id, 256) : undefined,
    requestRef: asText(type === 'api-request' ? record.id : record.requestRef, 128),
    requestDigest: type === 'api-request' ? asText(record.requestDigest, 128) : undefined,
    role: kind === 'user' || isAnswer ? asText(message?.role, 32) : undefined,
    model: isAnswer ? asText(message?.model, 256) : undefined,
    stopReason: isAnswer ? asText(message?.stop_reason, 64) : undefined,
    usage: isAnswer ? usageOf(message) : undefined,
    isApiError: record.isApiErrorMessage === true,
    blocks: blocksOf(kind, record, message),
    record,
  });
}

function usageOf(message: JsonObject | undefined): Entry['usage'] {
  // The client's own words cost nothing and were never sent.
  if (message?.model === '<synthetic>') return undefined;
  const usage = asObject(message?.usage);
  return usage === undefined ? undefined : usageFromAnthropic(usage);
}

function blocksOf(kind: EntryKind, record: JsonObject, message: JsonObject | undefined): EntryBlock[] {
  if (kind === 'title') {
    const title = record.summary ?? record.customTitle ?? record.aiTitle ?? record.title ?? record.agentName;
    return typeof title === 'string' && title !== '' ? [{ kind: 'title', text: title }] : [];
  }
  if (kind !== 'user' && kind !== 'assistant') return [];
  const content = message?.content;
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  return asArray(content).flatMap((block) => blockOf(asObject(block)));
}

function blockOf(block: JsonObject | undefined): EntryBlock[] {
  switch (block?.type) {
    case 'text':
      return typeof block.text === 'string' ? [{ kind: 'text', text: block.text }] : [];
    case 'thinking':
      return typeof block.thinking === 'string' ? [{ kind: 'thinking', text: block.thinking }] : [];
    case 'tool_use':
    case 'server_tool_use':
      return [
        present<EntryBlock>({
          kind: 'tool-use',
          toolName: asText(block.name, 256) ?? '',
          toolUseId: asText(block.id, 256),
          text: JSON.stringify(block.input ?? {}),
        }),
      ];
    case 'tool_result':
      return [
        present<EntryBlock>({
          kind: 'tool-result',
          toolUseId: asText(block.tool_use_id, 256),
          text: textOf(block.content),
        }),
      ];
    default:
      return [];
  }
}
