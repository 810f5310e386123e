import { constants, open } from 'node:fs/promises';

/** What a small file holds, or why it cannot be had: `does not exist`, `is larger than 64 KiB` … */
export type SmallFile =
  | { readonly text: string; readonly mode: number }
  | { readonly wrong: string; readonly isMissing: boolean };

/**
 * Reads a text file that somebody named in the configuration. Whatever stands there instead, a pipe, a device or
 * something endless, is refused in words and neither waited for nor read to its end.
 */
export async function readSmallFile(path: string, bytesMax: number): Promise<SmallFile> {
  try {
    // Opening a pipe would wait for somebody to write into it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) return { wrong: 'is not a file', isMissing: false };
      const buffer = Buffer.alloc(bytesMax + 1);
      let bytes = 0;
      while (bytes <= bytesMax) {
        const { bytesRead } = await handle.read(buffer, bytes, buffer.length - bytes);
        if (bytesRead === 0) break;
        bytes += bytesRead;
      }
      if (bytes > bytesMax) return { wrong: `is larger than ${bytesMax} bytes`, isMissing: false };
      return { text: buffer.toString('utf8', 0, bytes), mode: status.mode };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { wrong: 'does not exist', isMissing: true };
    return { wrong: `cannot be read (${code ?? 'unknown error'})`, isMissing: false };
  }
}
