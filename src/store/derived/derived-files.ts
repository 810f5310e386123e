/** Which files the calls of agents worked on. Written together with the texts of the same place, see `DerivedText`. */
export interface DerivedFiles {
  /** Files, the one touched last first. */
  list(page: FilePage): Promise<TouchedFile[]>;
  /** The calls that worked on a file or that a session made, newest first; each once, wherever it was seen. */
  touches(page: TouchPage): Promise<FoundTouch[]>;
}

export const fileAccesses = ['read', 'write', 'search', 'other'] as const;
export type FileAccess = (typeof fileAccesses)[number];

/** One call that works on a file. */
export interface FileTouch {
  readonly callId: string;
  readonly tool: string;
  readonly path: string;
  readonly access: FileAccess;
}

export interface FilePage {
  /** Part of the path, without case. */
  readonly contains?: string | undefined;
  readonly before?: FilePlace | undefined;
  readonly limit: number;
}

/** Where a page of files ended. */
export interface FilePlace {
  readonly atMs: number;
  readonly path: string;
}

export interface TouchedFile {
  readonly path: string;
  readonly reads: number;
  readonly writes: number;
  readonly sessions: number;
  readonly lastAtMs: number;
}

export interface TouchPage {
  readonly path?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Half open. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly before?: TouchPlace | undefined;
  readonly limit: number;
}

/** Where a page of calls ended. */
export interface TouchPlace {
  readonly atMs: number;
  readonly callId: string;
  /** One call may work on several files. */
  readonly path: string;
}

export interface FoundTouch extends FileTouch {
  readonly atMs: number;
  readonly sessionId: string | undefined;
  readonly agentId: string | undefined;
  /** The request whose answer made the call, when it was recorded. */
  readonly requestId: string | undefined;
  /** Entry of a transcript, when the call was only found there. */
  readonly entryId: number | undefined;
}
