import type { Usage } from '#exchange';
import { asObject, type JsonObject, parseJson } from '#formats';
import { readClaudeEntry } from './claude-entry.ts';
import { readCodexEntry } from './codex-entry.ts';
import type { TranscriptKind } from './place.ts';

/** `broken` is a line that is no JSON object, `unknown` a type that this version has no name for. */
export type EntryKind =
  | 'user'
  | 'assistant'
  | 'system'
  | 'attachment'
  | 'title'
  /** What the client notes about its own requests, its queue and its state: no conversation. */
  | 'bookkeeping'
  | 'unknown'
  | 'broken';

/** A piece of what was said. Snapshots of prompts and tools are no blocks. */
export type EntryBlock =
  | { readonly kind: 'text' | 'thinking' | 'title'; readonly text: string }
  | {
      readonly kind: 'tool-use';
      readonly text: string;
      readonly toolName: string;
      readonly toolUseId?: string;
    }
  | { readonly kind: 'tool-result'; readonly text: string; readonly toolUseId?: string };

/** One line of a transcript. Whatever a line does not say, or says in another type, is absent. */
export interface Entry {
  readonly kind: EntryKind;
  /** As written; empty for broken lines. */
  readonly type: string;
  /** Of system lines and attachments. */
  readonly subtype?: string;
  readonly uuid?: string;
  readonly parentUuid?: string;
  readonly sessionId?: string;
  /** The session that made the request, when a fork copied this line from it. */
  readonly requestSessionId?: string;
  readonly agentId?: string;
  readonly atMs?: number;
  readonly cwd?: string;
  readonly gitBranch?: string;
  readonly version?: string;
  readonly isMeta: boolean;
  readonly isSidechain: boolean;
  /** The response header `request-id` of the answer that this line is a part of. */
  readonly requestId?: string;
  readonly messageId?: string;
  /** Id of the `api-request` line that notes the request; of such a line, its own. */
  readonly requestRef?: string;
  /** Of `api-request` lines. */
  readonly requestDigest?: string;
  readonly role?: string;
  readonly model?: string;
  readonly stopReason?: string;
  /** Of the whole answer, repeated on each of its lines. */
  readonly usage?: Usage;
  /** The client itself wrote this in place of an answer. */
  readonly isApiError: boolean;
  readonly blocks: readonly EntryBlock[];
  /** The line as it is; hostile, so only read. */
  readonly record: JsonObject;
}

/** @param line without its end; bytes that are not UTF-8 become U+FFFD */
export function readEntry(kind: TranscriptKind, line: string | Uint8Array): Entry {
  const record = asObject(parseJson(line));
  if (record === undefined)
    return {
      kind: 'broken',
      type: '',
      isMeta: false,
      isSidechain: false,
      isApiError: false,
      blocks: [],
      record: {},
    };
  return kind === 'claude' ? readClaudeEntry(record) : readCodexEntry(record);
}
