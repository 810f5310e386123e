import { readdir, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { type AgentDefinition, plainPrompt, readAgentDefinition } from './agent-definition.ts';
import { readRegularFile } from './read-regular-file.ts';

const filesPerDirectoryMax = 256;
const filesMax = 1_024;
const fileBytesMax = 256 * 1024;
/** Prompts shorter than this stand by chance in those of others; they have to stand at the beginning. */
const distinctLength = 80;

interface KnownFile {
  readonly version: string;
  readonly definition: AgentDefinition | undefined;
}

/** The files in which users define agents. A file is read again when it has changed. */
export class AgentDefinitions {
  /** The oldest goes first. */
  readonly #files = new Map<string, KnownFile>();

  /**
   * The agent whose prompt stands in the texts of a system prompt: at the beginning of one of them, or anywhere when it
   * is long enough. The longest prompt decides; of equal ones the first in the order of directories and file names.
   * @param isLate asked between two files; the search ends when it says so
   */
  async match(
    directories: readonly string[],
    systemTexts: readonly string[],
    isLate: () => boolean,
  ): Promise<string | undefined> {
    const texts = systemTexts.map(plainPrompt);
    let best: { readonly name: string; readonly length: number } | undefined;
    for (const directory of directories) {
      for (const fileName of await markdownIn(directory)) {
        if (isLate()) return undefined;
        const definition = await this.#read(join(directory, fileName));
        if (definition === undefined || definition.prompt.length <= (best?.length ?? 0)) continue;
        if (!texts.some((text) => holds(text, definition.prompt))) continue;
        best = { name: definition.name ?? parse(fileName).name, length: definition.prompt.length };
      }
    }
    return best?.name;
  }

  async #read(path: string): Promise<AgentDefinition | undefined> {
    const stats = await stat(path, { bigint: true }).catch(() => undefined);
    if (!stats?.isFile()) return undefined;
    const version = `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
    const known = this.#files.get(path);
    if (known?.version === version) return known.definition;
    const text =
      stats.size > fileBytesMax ? undefined : await readRegularFile(path, { bytesMax: fileBytesMax });
    const definition = text === undefined ? undefined : readAgentDefinition(text);
    this.#files.set(path, { version, definition });
    if (this.#files.size > filesMax) this.#files.delete(this.#files.keys().next().value!);
    return definition;
  }
}

async function markdownIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith('.md'))
    .sort()
    .slice(0, filesPerDirectoryMax);
}

function holds(text: string, prompt: string): boolean {
  return prompt.length < distinctLength ? text.startsWith(prompt) : text.includes(prompt);
}
