import { basename, dirname, join } from 'node:path';
import { type FoundFile, listFiles } from './list-files.ts';
import { isObject } from './read-first.ts';
import { readText } from './read-text.ts';

/** One list of things to do: of a session, or of one of its agents. */
export interface TodoList {
  readonly sessionId: string;
  /** Empty when the name of the file has none. The list of the session itself has the session's id here. */
  readonly agentId: string;
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly todos: readonly Todo[];
  /** Why there are no todos, when the file could not be read. */
  readonly error?: string;
}

export interface Todo {
  readonly content: string;
  readonly status: string;
  /** What is said while it is being done; empty when absent. */
  readonly activeForm: string;
}

const bytesMax = 1024 * 1024;
const itemsMax = 10_000;
const atOnce = 16;

/**
 * Reads all todo lists whenever it is asked; a file that did not change is not read again.
 * @param directories of Claude Code
 */
export function createTodoLists(directories: readonly string[]) {
  let known = new Map<string, { readonly file: FoundFile; readonly list: TodoList }>();

  async function read(file: FoundFile): Promise<TodoList> {
    const before = known.get(file.path);
    const isSame = before?.file.bytes === file.bytes && before.file.modifiedAtMs === file.modifiedAtMs;
    return isSame ? before.list : readTodoList(file);
  }

  return {
    /** The last changed first. */
    async list(): Promise<readonly TodoList[]> {
      const options = { depth: 3, accepts: (name: string) => name.endsWith('.json') };
      const found = await Promise.all(
        directories.map((directory) => listFiles(join(directory, 'todos'), options)),
      );
      const tasks = await Promise.all(
        directories.map((directory) => listFiles(join(directory, 'tasks'), { depth: 1, accepts: isTask })),
      );
      const now: typeof known = new Map();
      const files = found.flat();
      for (let at = 0; at < files.length; at += atOnce) {
        const batch = files.slice(at, at + atOnce);
        const lists = await Promise.all(batch.map(read));
        for (const [index, list] of lists.entries()) now.set(list.path, { file: batch[index]!, list });
      }
      known = now;
      const taskLists = await taskListsOf(tasks.flat());
      return [...[...now.values()].map(({ list }) => list), ...taskLists].sort(
        (one, other) => other.modifiedAtMs - one.modifiedAtMs || (one.path < other.path ? -1 : 1),
      );
    },
    /** Reads every file again at the next question. */
    forget(): void {
      known = new Map();
    },
  };
}

/** Newer versions keep each thing to do in a file of its own: `tasks/<session>/<number>.json`. */
function isTask(name: string): boolean {
  return /^[^/]+\/\d{1,9}\.json$/.test(name);
}

async function taskListsOf(files: readonly FoundFile[]): Promise<TodoList[]> {
  const bySession = Map.groupBy(files, ({ path }) => dirname(path));
  const lists: TodoList[] = [];
  for (const [directory, all] of bySession) {
    const tasks = all.sort((one, other) => numberOf(one) - numberOf(other)).slice(0, itemsMax);
    const read: Todo[] = [];
    for (let at = 0; at < tasks.length; at += atOnce)
      read.push(...(await Promise.all(tasks.slice(at, at + atOnce).map(readTask))).flat());
    lists.push({
      sessionId: basename(directory),
      agentId: '',
      path: directory,
      bytes: tasks.reduce((sum, { bytes }) => sum + bytes, 0),
      modifiedAtMs: Math.max(...tasks.map(({ modifiedAtMs }) => modifiedAtMs)),
      todos: read,
      ...(read.length === 0 ? { error: 'has no task that can be read' } : {}),
    });
  }
  return lists;
}

async function readTask(file: FoundFile): Promise<Todo[]> {
  const text = await readText(file.path, bytesMax);
  if (text.kind !== 'text') return [];
  try {
    const task: unknown = JSON.parse(text.text);
    if (!isObject(task)) return [];
    const { subject, content, description, status, activeForm } = task;
    return [todoOf({ content: subject ?? content ?? description, status, activeForm })];
  } catch {
    return [];
  }
}

function numberOf({ path }: FoundFile): number {
  return Number.parseInt(basename(path), 10);
}

async function readTodoList(file: FoundFile): Promise<TodoList> {
  const stem = file.name.split('/').at(-1)!.slice(0, -'.json'.length);
  const cut = stem.indexOf('-agent-');
  const facts = {
    sessionId: cut < 0 ? stem : stem.slice(0, cut),
    agentId: cut < 0 ? '' : stem.slice(cut + '-agent-'.length),
    path: file.path,
    bytes: file.bytes,
    modifiedAtMs: file.modifiedAtMs,
  };
  // Claude Code leaves thousands of these: an empty list, or nothing.
  if (file.bytes < 3) return { ...facts, todos: [] };
  const text = await readText(file.path, bytesMax);
  if (text.kind !== 'text')
    return { ...facts, todos: [], error: text.kind === 'missing' ? 'is gone' : text.why };
  try {
    const items: unknown = JSON.parse(text.text);
    if (!Array.isArray(items)) return { ...facts, todos: [], error: 'is not a list' };
    return { ...facts, todos: items.slice(0, itemsMax).filter(isObject).map(todoOf) };
  } catch {
    return { ...facts, todos: [], error: 'is not JSON' };
  }
}

function todoOf({ content, status, activeForm }: Readonly<Record<string, unknown>>): Todo {
  return { content: textOf(content), status: textOf(status), activeForm: textOf(activeForm) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
