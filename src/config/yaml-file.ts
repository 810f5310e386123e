import { readFile, stat } from 'node:fs/promises';
import { type Document, isAlias, isMap, isNode, isPair, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigProblem } from './config-problem.ts';
import { type ExcerptSource, excerpt, secretsOf } from './excerpt.ts';
import { isMapping, type RawTree } from './raw-tree.ts';

/** Largest configuration file that is read. */
const fileBytesMax = 1024 * 1024;

/** A configuration file that is valid YAML with a mapping at the top. */
export interface YamlFile {
  readonly path: string;
  readonly tree: RawTree;
  /** Where a key or its value stands, or the nearest place that is known, with the marked line. */
  locate(path: readonly PropertyKey[], what: 'key' | 'value'): FilePlace;
}

export type FilePlace = Pick<ConfigProblem, 'file' | 'line' | 'column' | 'excerpt'>;

/** Reads the file; every problem names line and column. */
export async function readYamlFile(path: string): Promise<YamlFile | readonly ConfigProblem[]> {
  let source: string;
  try {
    source = await readText(path);
  } catch (error) {
    return [unreadable(path, error as NodeJS.ErrnoException)];
  }
  return parseYaml(path, source);
}

/** @param path shown in problems only */
export function parseYaml(path: string, source: string): YamlFile | readonly ConfigProblem[] {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  // Warnings are unresolved tags and the like: what was meant is not what we would read.
  const faults = [...document.errors, ...document.warnings];
  const shown: ExcerptSource = { source, secrets: secretsOf(document), isValid: faults.length === 0 };
  const placeOf = (offset: number, length = 1) => placeIn(path, shown, lines, offset, length);
  const invalid = (sentence: string, offset: number): ConfigProblem => ({
    code: 'E1002',
    sentence: `is not valid YAML: ${withoutQuote(sentence)}`,
    fix: 'Nothing was started. Correct the file and try again.',
    ...placeOf(offset),
  });
  if (faults.length > 0) return faults.map((fault) => invalid(fault.message, fault.pos[0]));
  let tree: unknown;
  try {
    tree = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return [invalid((error as Error).message, 0)];
  }
  if (!isMapping(tree)) return [invalid('the top of the file must be a mapping of keys to values', 0)];
  const locate: YamlFile['locate'] = (keyPath, what) => {
    const node = nodeAt(document, keyPath, what);
    return placeOf(node?.range?.[0] ?? 0, node?.range ? node.range[1] - node.range[0] : 1);
  };
  return { path, tree, locate };
}

async function readText(path: string): Promise<string> {
  const status = await stat(path);
  if (!status.isFile()) throw new Error('it is not a regular file');
  if (status.size > fileBytesMax) throw new Error('it is larger than 1 MiB');
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
}

function unreadable(path: string, error: NodeJS.ErrnoException): ConfigProblem {
  const causes: Record<string, string> = { ENOENT: 'it does not exist', EACCES: 'permission denied' };
  const cause =
    causes[error.code ?? ''] ?? (error instanceof TypeError ? 'it is not UTF-8 text' : error.message);
  return {
    code: 'E1001',
    sentence: `The configuration file cannot be read: ${cause}.`,
    file: path,
    fix: 'Check the path given with --config or in THROUGHLINE_CONFIG.',
  };
}

/** The node of the deepest part of the path that exists in the file. */
function nodeAt(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  what: 'key' | 'value',
): Node | undefined {
  let found: Node | undefined;
  let current: unknown = document.contents;
  for (const [index, segment] of path.entries()) {
    if (isAlias(current)) current = current.resolve(document);
    if (isMap(current)) {
      const pair = current.items.find(
        (item) => isPair(item) && isNode(item.key) && String(item.key) === String(segment),
      );
      if (!pair) return found;
      const wantsKey = what === 'key' || index < path.length - 1 || !isNode(pair.value);
      found = (wantsKey ? pair.key : pair.value) as Node;
      current = pair.value;
    } else {
      const item: unknown =
        isNode(current) && 'items' in current ? (current.items as unknown[])[Number(segment)] : undefined;
      if (!isNode(item)) return found;
      found = item;
      current = item;
    }
  }
  return found;
}

function placeIn(
  path: string,
  excerptSource: ExcerptSource,
  lines: LineCounter,
  offset: number,
  length: number,
): FilePlace {
  const { line, col } = lines.linePos(Math.min(offset, excerptSource.source.length));
  if (line === 0) return { file: path, line: 1, column: 1 };
  const start = lines.lineStarts[line - 1] ?? 0;
  const place = { line, start, column: col, length };
  return { file: path, line, column: col, excerpt: excerpt(excerptSource, place) };
}

/** What the parser quotes may be a secret that stands at a wrong place. */
function withoutQuote(message: string): string {
  return message.replace(/^(Unresolved [^:]*): .*$/s, '$1');
}
