import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { basename, extname } from 'node:path';

/** A small text file, or why it cannot be had. */
export type TextFile =
  | { readonly kind: 'text'; readonly text: string; readonly path: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly why: string };

const neverRead = /^\.credentials\.json$|^\.claude\.json|\.key$|\.pem$/;

/**
 * Reads a text file that a scan of a directory found. A link, a pipe or anything else but a plain file is refused, and
 * nothing is read beyond `bytesMax`. Never rejects.
 */
export async function readText(path: string, bytesMax: number): Promise<TextFile> {
  if (neverRead.test(basename(path))) return { kind: 'refused', why: 'is never read' };
  try {
    // Opening a pipe would wait for somebody to write into it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      if (!(await handle.stat()).isFile()) return { kind: 'refused', why: 'is not a plain file' };
      const bytes = await readUpTo(handle, bytesMax + 1);
      if (bytes.length > bytesMax) return { kind: 'refused', why: `is larger than ${bytesMax} bytes` };
      // A byte order mark is no part of the text.
      return { kind: 'text', text: bytes.toString('utf8').replace(/^\ufeff/, ''), path };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return outcomeOf(error);
  }
}

/**
 * Like `readText` for a file with a name that everybody knows, such as `settings.json`. People keep those elsewhere and
 * put a link in their place, so one is followed, to a file of the same kind.
 */
export async function readWellKnown(path: string, bytesMax: number): Promise<TextFile> {
  try {
    const real = await realpath(path);
    if (extname(real) !== extname(path)) return { kind: 'refused', why: 'leads to a file of another kind' };
    return await readText(real, bytesMax);
  } catch (error) {
    return outcomeOf(error);
  }
}

/** The first bytes of a plain file, as text; empty when it cannot be read. Never rejects. */
export async function readHead(path: string, bytes: number): Promise<string> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      if (!(await handle.stat()).isFile()) return '';
      return (await readUpTo(handle, bytes)).toString('utf8');
    } finally {
      await handle.close();
    }
  } catch {
    return '';
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

async function readUpTo(handle: Handle, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length < bytesMax) {
    const piece = Buffer.allocUnsafe(Math.min(64 * 1024, bytesMax - length));
    const { bytesRead } = await handle.read(piece, 0, piece.length);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(pieces, length);
}

function outcomeOf(error: unknown): TextFile {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
  return { kind: 'refused', why: `cannot be read (${code ?? 'unknown error'})` };
}
