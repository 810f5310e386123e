import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ExampleClaudeDirectory extends AsyncDisposable {
  readonly path: string;
  /** Puts a file; `day` of January 2026 is when it was changed. */
  put(path: string, content: unknown, day?: number): Promise<string>;
}

/** A directory of Claude Code with nothing in it. Dispose of it. */
export async function exampleClaudeDirectory(): Promise<ExampleClaudeDirectory> {
  const root = await mkdtemp(join(tmpdir(), 'throughline-claude-'));
  return {
    path: root,
    async put(path, content, day = 1) {
      const full = join(root, path);
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, typeof content === 'string' ? content : JSON.stringify(content));
      const seconds = Date.UTC(2026, 0, day) / 1000;
      await utimes(full, seconds, seconds);
      return full;
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
