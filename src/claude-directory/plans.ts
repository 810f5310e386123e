import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type FoundFile, listFiles } from './list-files.ts';
import { readHead, readText } from './read-text.ts';

/** A plan that Claude Code wrote down. */
export interface Plan {
  /** A whole number that stays the same as long as the file keeps its name. */
  readonly id: number;
  /** Path below `plans`. */
  readonly fileName: string;
  /** The words of the file name. */
  readonly displayName: string;
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  /** The first characters of the text. */
  readonly preview: string;
}

const bytesMax = 4 * 1024 * 1024;
const previewCharacters = 200;
const atOnce = 16;

/** All plans, the last changed first. */
export async function listPlans(directories: readonly string[]): Promise<readonly Plan[]> {
  const files = await findPlanFiles(directories);
  const plans: Plan[] = [];
  for (let at = 0; at < files.length; at += atOnce)
    plans.push(...(await Promise.all(files.slice(at, at + atOnce).map(planOf))));
  return plans.sort((one, other) => other.modifiedAtMs - one.modifiedAtMs || one.id - other.id);
}

/** One plan with its whole text; undefined when there is none, or when it cannot be read any more. */
export async function findPlan(
  directories: readonly string[],
  id: number,
): Promise<{ readonly plan: Plan; readonly content: string } | undefined> {
  const file = (await findPlanFiles(directories)).find(({ name }) => planId(name) === id);
  if (file === undefined) return undefined;
  const text = await readText(file.path, bytesMax);
  return text.kind === 'text' ? { plan: await planOf(file), content: text.text } : undefined;
}

/** Of files with the same name the one in the first directory counts. */
async function findPlanFiles(directories: readonly string[]): Promise<readonly FoundFile[]> {
  const options = { depth: 3, accepts: (name: string) => name.endsWith('.md') };
  const found = await Promise.all(
    directories.map((directory) => listFiles(join(directory, 'plans'), options)),
  );
  const byName = new Map<string, FoundFile>();
  for (const file of found.flat()) if (!byName.has(file.name)) byName.set(file.name, file);
  return [...byName.values()];
}

async function planOf({ name, path, bytes, modifiedAtMs }: FoundFile): Promise<Plan> {
  return {
    id: planId(name),
    fileName: name,
    displayName: displayName(name),
    path,
    bytes,
    modifiedAtMs,
    preview: previewOf(await readHead(path, previewCharacters * 4 + 4)),
  };
}

/** 48 bits of a hash: a number that JSON carries exactly and that no two plans of a person share. */
function planId(fileName: string): number {
  return createHash('sha256').update(fileName).digest().readUIntBE(0, 6);
}

function displayName(fileName: string): string {
  return fileName
    .slice(0, -'.md'.length)
    .split('/')
    .at(-1)!
    .split('-')
    .filter((word) => word !== '')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join(' ');
}

/** Cut between characters, never within one. */
function previewOf(head: string): string {
  const characters = [...head.replace(/^\ufeff/, '')];
  return characters.length <= previewCharacters
    ? characters.join('')
    : `${characters.slice(0, previewCharacters).join('')}...`;
}
