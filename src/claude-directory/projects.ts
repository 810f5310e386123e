import { lstat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listDirectories, listFiles } from './list-files.ts';
import { readHead } from './read-text.ts';

/** A directory of transcripts: what was done in one working directory. */
export interface Project {
  /** Name of the directory. It is made from the working directory, and leads back to no single one. */
  readonly id: string;
  /** The working directory, as the newest transcript has it; the id when no transcript tells. */
  readonly path: string;
  readonly isPathKnown: boolean;
  /** Last part of the path. */
  readonly name: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** Plain files of it, among them those that are no transcripts. */
  readonly fileCount: number;
  readonly bytes: number;
  /** Newest first. */
  readonly transcripts: readonly TranscriptFile[];
}

export interface TranscriptFile {
  /** Name without `.jsonl`: the id of a session, or `agent-` and the id of an agent. */
  readonly id: string;
  /** Path below the directory of the project. */
  readonly file: string;
  readonly isAgent: boolean;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** Transcripts of agents lie beside the session's or in `<session>/subagents`. */
const depth = 2;
const transcriptName = /^(?:[^/]+\/subagents\/)?([^/]+)\.jsonl$/;
/** The first lines of a transcript can be snapshots of long prompts. */
const headBytes = 256 * 1024;
/** So many transcripts are asked for the working directory. */
const triesMax = 3;

/** All projects below `projects` of these directories, the last used first. */
export async function listProjects(directories: readonly string[]): Promise<readonly Project[]> {
  const places = new Map<string, string[]>();
  for (const directory of directories) {
    const root = join(directory, 'projects');
    for (const id of await listDirectories(root)) places.set(id, [...(places.get(id) ?? []), join(root, id)]);
  }
  const projects: Project[] = [];
  for (const [id, paths] of places) projects.push(await describeProject(id, paths));
  return projects.sort((one, other) => other.modifiedAtMs - one.modifiedAtMs || (one.id < other.id ? -1 : 1));
}

/** The project of this id; undefined when there is none. The id is looked for, never made a path of. */
export async function findProject(directories: readonly string[], id: string): Promise<Project | undefined> {
  const paths: string[] = [];
  for (const directory of directories) {
    const root = join(directory, 'projects');
    if ((await listDirectories(root)).includes(id)) paths.push(join(root, id));
  }
  return paths.length === 0 ? undefined : describeProject(id, paths);
}

async function describeProject(id: string, paths: readonly string[]): Promise<Project> {
  const found = await Promise.all(paths.map((path) => listFiles(path, { depth, accepts: isOfProject })));
  const files = found.flat();
  const transcripts = files
    .filter(({ name }) => transcriptName.test(name))
    .sort((one, other) => other.modifiedAtMs - one.modifiedAtMs);
  const status = await lstat(paths[0]!).catch(() => undefined);
  const workingDirectory = await findWorkingDirectory(
    id,
    transcripts.map(({ path }) => path),
  );
  const path = workingDirectory ?? id;
  return {
    id,
    path,
    isPathKnown: workingDirectory !== undefined,
    name: basename(path) || path,
    createdAtMs: status?.birthtimeMs || status?.mtimeMs || 0,
    modifiedAtMs: transcripts[0]?.modifiedAtMs ?? status?.mtimeMs ?? 0,
    fileCount: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    transcripts: transcripts.map(({ name, bytes, modifiedAtMs }) => {
      const transcriptId = transcriptName.exec(name)![1]!;
      return {
        id: transcriptId,
        file: name,
        isAgent: transcriptId.startsWith('agent-'),
        bytes,
        modifiedAtMs,
      };
    }),
  };
}

/** Memory of the project and results of tools lie deeper; they belong to other questions. */
function isOfProject(name: string): boolean {
  return !name.includes('/') || /^[^/]+\/subagents\/[^/]+$/.test(name);
}

/** The working directory that the newest transcripts name, preferably one that would get this id. */
async function findWorkingDirectory(id: string, transcripts: readonly string[]): Promise<string | undefined> {
  let other: string | undefined;
  for (const path of transcripts.slice(0, triesMax)) {
    for (const directory of workingDirectoriesIn(await readHead(path, headBytes))) {
      if (projectIdOf(directory) === id) return directory;
      other ??= directory;
    }
  }
  return other;
}

/** The working directories in the lines of a transcript. The last line may be cut. */
function* workingDirectoriesIn(head: string): Generator<string> {
  for (const line of head.split('\n')) {
    if (!line.includes('"cwd"')) continue;
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      continue;
    }
    if (typeof entry !== 'object' || entry === null || !('cwd' in entry)) continue;
    if (typeof entry.cwd === 'string' && entry.cwd !== '') yield entry.cwd;
  }
}

/** The id that Claude Code gives a working directory; longer ones end in a hash that is not made here. */
function projectIdOf(directory: string): string {
  return directory.replaceAll(/[^A-Za-z0-9]/g, '-');
}
