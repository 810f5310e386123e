/**
 * The archive of transcripts: the lines as they were read, kept also when the agent deletes its files. It does not know
 * what a line means. One writer (the index of a host), any number of readers.
 */
export interface TranscriptStore {
  /** Every file that was not replaced by another content at the same path. */
  files(): Promise<ArchivedFile[]>;
  file(id: number): Promise<ArchivedFile | undefined>;
  /** Files, replaced ones too, that changed after `change`, in the order of changing. */
  filesAfter(change: number, limit: number): Promise<ArchivedFile[]>;
  /** Adds lines and moves the positions of the files on, in one transaction. Returns the ids of the files. */
  append(batches: readonly FileBatch[]): Promise<number[]>;
  /** Notes that the file is not at its path any more. Idempotent. */
  noteGone(id: number, nowMs: number): Promise<void>;
  /** Notes that another content stands at the path of the file. Its lines stay. Idempotent. */
  noteReplaced(id: number, nowMs: number): Promise<void>;
  /** The file goes by another name; whatever was noted there of another one is noted as replaced. */
  noteMoved(
    id: number,
    place: { readonly root: string; readonly path: string },
    nowMs: number,
  ): Promise<void>;
  /** Forgets the files and all of their lines. */
  forget(ids: readonly number[]): Promise<void>;
  /** Small files beside transcripts; the newest content of each. */
  putDocument(document: DocumentToArchive): Promise<void>;
  /** Documents that changed; one whose path is empty says that others were forgotten. */
  documentsAfter(change: number, limit: number): Promise<ArchivedDocument[]>;
  forgetDocument(document: Pick<DocumentToArchive, 'root' | 'path'>): Promise<void>;
  /** Those of these pieces that are there; the others were forgotten. */
  piecesAmong(ids: readonly number[]): Promise<number[]>;
  /** Pieces after this one, at least one when there is one, in all about `bytesMax` bytes. */
  piecesAfter(pieceId: number, bytesMax: number): Promise<ArchivedPiece[]>;
  /** Lines in the order that was asked for; entries that are not there are left out. */
  lines(entryIds: readonly number[]): Promise<ArchivedLine[]>;
  /** Lines of one file from its beginning, page by page. */
  linesOf(
    fileId: number,
    page: { readonly afterEntry: number; readonly limit: number },
  ): Promise<ArchivedLine[]>;
  counts(): Promise<{
    readonly files: number;
    readonly bytes: number;
    readonly lines: number;
    readonly lastPiece: number;
  }>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

export interface ArchivedFile {
  readonly id: number;
  /** Grows with whatever happens to the file. */
  readonly change: number;
  readonly kind: 'claude' | 'codex';
  readonly root: string;
  /** Relative to the root. */
  readonly path: string;
  readonly identity: string;
  readonly readTo: number;
  readonly headHash: string;
  readonly tailHash: string;
  readonly seen: string;
  readonly lines: number;
  /** Lines that were passed over because of their length. */
  readonly tooLong: number;
  readonly modifiedAtMs: number;
  readonly goneAtMs: number | null;
  readonly replacedAtMs: number | null;
}

export interface FileBatch {
  /** Absent: a new file. */
  readonly id?: number;
  readonly kind: 'claude' | 'codex';
  readonly root: string;
  readonly path: string;
  readonly state: Pick<ArchivedFile, 'identity' | 'readTo' | 'headHash' | 'tailHash' | 'seen'>;
  readonly modifiedAtMs: number;
  readonly tooLong: number;
  /** Offset of the first byte of `bytes` in the file. */
  readonly start: number;
  /** Whole lines; may be empty. */
  readonly bytes: Uint8Array;
}

export interface DocumentToArchive {
  readonly root: string;
  readonly path: string;
  readonly content: string;
  readonly modifiedAtMs: number;
}

export interface ArchivedDocument extends DocumentToArchive {
  readonly change: number;
}

export interface ArchivedPiece {
  readonly id: number;
  readonly fileId: number;
  readonly lines: readonly ArchivedLine[];
}

export interface ArchivedLine {
  /** Grows in the order of archiving; in one file in the order of its lines. */
  readonly entryId: number;
  readonly fileId: number;
  /** Without the end of the line. */
  readonly bytes: Uint8Array;
}

/** A piece holds at most so many lines, so that an entry is named by its piece and its place in it. */
export const linesPerPiece = 1_024;

export function pieceOf(entryId: number): number {
  return Math.floor(entryId / linesPerPiece);
}
