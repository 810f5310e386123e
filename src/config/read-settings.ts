import type { z } from 'zod';
import type { RuleProblem } from './config-problem.ts';
import { configSchema, type ReadConfig } from './config-schema.ts';
import { keysAt } from './list-settings.ts';
import { nearestName } from './nearest-name.ts';
import { isMapping, mapTexts, type RawTree, removeAt } from './raw-tree.ts';

export interface ReadSettings {
  readonly problems: readonly RuleProblem[];
  /** Defaults stand where a value was wrong, so that the rules can go on looking. */
  readonly config: ReadConfig;
}

/** Reads every key by its schema. */
export function readSettings(tree: RawTree): ReadSettings {
  const first = configSchema.safeParse(tree);
  const problems = [...poisonedKeys(tree), ...(first.error?.issues.flatMap(toProblems) ?? [])];
  if (first.success) return { problems, config: first.data };
  const remainder = mapTexts(tree, (text) => text) as RawTree;
  for (const { path } of problems) removeAt(remainder, withoutEntry(path));
  const second = configSchema.safeParse(remainder);
  return { problems, config: second.success ? second.data : configSchema.parse({}) };
}

/** Lists are left out as a whole: without one entry the others would have another place. */
function withoutEntry(path: readonly PropertyKey[]): readonly PropertyKey[] {
  const at = path.findIndex((key) => typeof key === 'number');
  return at < 0 ? path : path.slice(0, at);
}

/** `__proto__` is a name that objects treat specially, and the schema library passes over it in silence. */
function* poisonedKeys(value: unknown, path: readonly PropertyKey[] = []): Generator<RuleProblem> {
  if (!isMapping(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === '__proto__') yield unknownKey(key, path);
    yield* poisonedKeys(child, [...path, key]);
  }
}

function toProblems(issue: z.core.$ZodIssue): RuleProblem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, issue.path));
  const { path } = issue;
  const fix: unknown = issue.code === 'custom' ? issue.params?.fix : undefined;
  return [{ code: 'E1003', path, sentence: sentenceOf(issue), ...(typeof fix === 'string' ? { fix } : {}) }];
}

function sentenceOf({ code, path, message }: z.core.$ZodIssue): string {
  const [top, name, section, key] = path.map(String);
  if (top === 'providers' && section === 'circuit_breaker' && key === 'timeout') {
    return `provider '${name}': invalid circuit_breaker.timeout ${message.replace('is not a duration: ', '')}: not a duration`;
  }
  if (top === 'providers' && section === 'format')
    return `provider '${name}' has invalid format: it ${message}`;
  if (top === 'routes' && name !== undefined) return `rule ${Number(name) + 1} ${message}`;
  const isStructure = code === 'invalid_type' ? 'must be a mapping of keys to values' : message;
  return `${path.map(String).join('.')} ${isStructure}`;
}

/** A value that slipped into its key may be a secret. */
function nameOnly(key: string): string {
  const [name = '', ...more] = key.slice(0, 80).split(/\s/);
  return more.length === 0 ? name : `${name} …`;
}

function unknownKey(key: string, parent: readonly PropertyKey[]): RuleProblem {
  const known = keysAt(parent) ?? [];
  const guess = nearestName(key, known);
  const where = parent.length === 0 ? '' : ` in ${parent.map(String).join('.')}`;
  const list = known.length === 0 ? {} : { fix: `Known keys here: ${known.join(', ')}.` };
  return {
    code: 'E1004',
    path: [...parent, key],
    sentence: `unknown key "${nameOnly(key)}"${where}`,
    ...(guess === undefined ? list : { fix: `Did you mean "${guess}"?` }),
  };
}
