import type { Query } from '#search';
import type { FileTouch } from './derived-files.ts';

/**
 * Everything that was said, to search in. Each text is kept once, however often it was sent again, and each session
 * has the first place where it occurs.
 */
export interface DerivedText {
  /**
   * Adds texts and moves the position of their step in one transaction. Idempotent: a text that the session has
   * already changes nothing.
   */
  append(places: readonly TextPlace[], step: 'text' | 'transcript-text', through: number): Promise<void>;
  /** Forgets places, and texts that occur nowhere else. Idempotent. */
  forget(source: TextSource, places: readonly number[]): Promise<void>;
  /** Places in transcripts beyond this one, ascending, each once. */
  transcriptPlacesAfter(place: number, limit: number): Promise<number[]>;
  /**
   * Everything that archived files said that were forgotten up to this change is forgotten.
   * @param givesBack whether something was, so that its space is given back
   */
  haveForgottenFiles(change: number, givesBack: boolean): Promise<void>;
  /** Newest first; ends when there is enough, when all is seen, or at the deadline. */
  search(search: TextSearch): Promise<TextSearchResult | RefusedSearch>;
}

export type TextSource = 'wire' | 'transcript';

export const textKinds = ['text', 'thinking', 'tool-input', 'tool-result', 'title'] as const;
export type TextKind = (typeof textKinds)[number];

export const textRoles = ['user', 'assistant'] as const;
export type TextRole = (typeof textRoles)[number];

/** What was said at one place, and the files that the calls in it work on. */
export interface TextPlace {
  readonly source: TextSource;
  /** Sequence of the exchange, or id of the entry of a transcript. */
  readonly place: number;
  readonly sessionId: string | undefined;
  readonly agentId?: string | undefined;
  readonly atMs: number;
  readonly touched?: readonly FileTouch[];
  readonly said: readonly { readonly kind: TextKind; readonly role: TextRole; readonly text: string }[];
}

export interface TextSearch {
  /** Words only: see `splitQuery`. */
  readonly words: Query;
  /** Conditions on the requests that texts were first sent with; places in transcripts do not pass any. */
  readonly keys?: Query;
  /** Half open. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly sessionId?: string;
  /** For relative times and days. */
  readonly nowMs: number;
  readonly zone: string;
  /** Matches are looked at up to this many. */
  readonly matchesMax: number;
  /** How long it may look. */
  readonly timeMs: number;
  /** How long it may look when it has found something; absent = no shorter. */
  readonly foundTimeMs?: number;
  /** Sessions to return after leaving out `offset`. */
  readonly offset: number;
  readonly limit: number;
  /** Snippets for each session at most. */
  readonly snippetsMax: number;
}

/** A query that no index can answer, and what to do. */
export interface RefusedSearch {
  readonly kind: 'refused';
  readonly sentence: string;
}

export interface TextSearchResult {
  readonly kind: 'found';
  /** Best first. */
  readonly sessions: readonly FoundSession[];
  /** Sessions in which something was found. */
  readonly total: number;
  /** False when there may be more in what is older than what was looked at. */
  readonly isComplete: boolean;
}

export interface FoundSession {
  /** undefined for texts that belong to no session. */
  readonly sessionId: string | undefined;
  /** Texts that match. */
  readonly matches: number;
  readonly lastMatchMs: number;
  /** Higher is better; only comparable within one result. */
  readonly score: number;
  readonly found: readonly FoundText[];
}

export interface FoundText {
  readonly source: TextSource;
  readonly place: number;
  /** Of the request, when the text was found on the wire. */
  readonly requestId?: string;
  readonly atMs: number;
  readonly kind: TextKind;
  readonly role: TextRole;
  readonly snippet: { readonly text: string; readonly highlights: readonly (readonly [number, number])[] };
}
