import type { RouteCondition, RouteRule, RouteTarget } from '#core-config';
import { parseByteSize } from './byte-size.ts';
import { nearestName } from './nearest-name.ts';
import { type Preference, preference } from './preference.ts';
import { isMapping, type RawTree } from './raw-tree.ts';
import type { Reader, Reading, WrongEntry } from './setting.ts';
import { hasControlCharacter, wholeNumber } from './setting-readers.ts';

const rulesMax = 200;
const patternsMax = 100;

/** Where a rule leads as it is written: to one provider, or to several that share the work. */
export type ReadTarget =
  | { readonly kind: 'one'; readonly target: RouteTarget }
  | {
      readonly kind: 'several';
      /** Absent = those of the task, or else all. */
      readonly providers?: readonly NamedProvider[];
      readonly task?: string;
      readonly preference?: Preference;
      /** For providers that name none. */
      readonly model?: string;
    };

/** One of those that share the work of a rule. */
export interface NamedProvider {
  readonly provider: string;
  readonly model?: string;
  /** Absent = from its profile. */
  readonly weight?: number;
}

export interface ReadRule extends Omit<RouteRule, 'to'> {
  readonly to: ReadTarget;
}

const providersMax = 100;

/** The list under `routes`. What a rule leads to is checked where all providers are known. */
export const routeRules: Reader<readonly ReadRule[]> = (written) => {
  if (!Array.isArray(written)) return { wrong: 'is not a list of rules', fix: example };
  if (written.length > rulesMax) return { wrong: `has more than ${rulesMax} rules` };
  const value: ReadRule[] = [];
  const entries: WrongEntry[] = [];
  for (const [index, rule] of written.entries()) {
    const reading = readRule(rule, index + 1);
    if ('wrong' in reading) entries.push({ ...reading, index });
    else value.push(reading.value);
  }
  return entries.length === 0 ? { value } : { wrong: 'has rules that are not understood', entries };
};

const example = 'Write for example: - { when: { agent: code-reviewer }, to: "openai:gpt-5" }';

function readRule(written: unknown, number: number): Reading<ReadRule> {
  if (!isMapping(written)) return { wrong: 'is not a mapping of keys to values', fix: example };
  const unknown = unknownKey(written, ['name', 'when', 'to', 'because', 'fallback']);
  if (unknown !== undefined) return unknown;
  const to = readTarget(written.to);
  if ('wrong' in to)
    return {
      wrong: `leads nowhere: to ${to.wrong}`,
      fix: 'Write to: "provider:model", to: provider, or to: { providers: [...] }.',
    };
  const when = readCondition(written.when ?? {});
  if ('wrong' in when) return when;
  const fallback = written.fallback === undefined ? undefined : readFallback(written.fallback);
  if (fallback !== undefined && 'wrong' in fallback) return fallback;
  const { name, because } = written;
  if (!isShortText(name ?? 'none') || !isShortText(because ?? 'none')) {
    return { wrong: 'has a name or because that is not a text of at most 200 characters' };
  }
  return {
    value: {
      name: `rule ${number}${name === undefined ? '' : ` (${String(name)})`}`,
      when: when.value,
      to: to.value,
      ...(because === undefined ? {} : { because: String(because) }),
      ...(fallback === undefined ? {} : { fallback: fallback.value }),
    },
  };
}

function readFallback(written: unknown): Reading<readonly RouteTarget[]> {
  const entries: unknown[] = Array.isArray(written) ? written : [written];
  if (entries.length > providersMax) return { wrong: `has more than ${providersMax} entries of fallback` };
  const value: RouteTarget[] = [];
  for (const entry of entries) {
    const one = readRouteTarget(entry);
    if ('wrong' in one) return { ...one, wrong: `has an entry of fallback that ${one.wrong}` };
    value.push(one.value);
  }
  return { value };
}

function readTarget(written: unknown): Reading<ReadTarget> {
  const isSeveral = isMapping(written) && ['providers', 'task', 'preference'].some((key) => key in written);
  if (isSeveral) return readSeveral(written);
  const one = readRouteTarget(written);
  return 'wrong' in one ? one : { value: { kind: 'one', target: one.value } };
}

function readSeveral(written: RawTree): Reading<ReadTarget> {
  const unknown = unknownKey(written, ['providers', 'task', 'preference', 'model']);
  if (unknown !== undefined) return unknown;
  const { providers, task, model } = written;
  if (task !== undefined && !isShortText(task)) return { wrong: 'has a task that is not a name' };
  if (model !== undefined && !isShortText(model)) return { wrong: 'has a model that is not a text' };
  const wish = written.preference === undefined ? undefined : preference(written.preference);
  if (wish !== undefined && 'wrong' in wish) return { ...wish, wrong: `has a preference that ${wish.wrong}` };
  const named = providers === undefined ? undefined : readProviders(providers);
  if (named !== undefined && 'wrong' in named) return named;
  return {
    value: {
      kind: 'several',
      ...(named === undefined ? {} : { providers: named.value }),
      ...(task === undefined ? {} : { task }),
      ...(wish === undefined ? {} : { preference: wish.value }),
      ...(model === undefined ? {} : { model }),
    },
  };
}

const share = wholeNumber(0, 1000);

function readProviders(written: unknown): Reading<readonly NamedProvider[]> {
  if (!Array.isArray(written) || written.length === 0 || written.length > providersMax) {
    return { wrong: `has providers that are not a list of 1 to ${providersMax}` };
  }
  const value: NamedProvider[] = [];
  for (const entry of written) {
    const { weight, ...rest }: RawTree = isMapping(entry) ? entry : {};
    const one = readRouteTarget(isMapping(entry) ? rest : entry);
    if ('wrong' in one) return { ...one, wrong: `has an entry of providers that ${one.wrong}` };
    const reading = weight === undefined ? undefined : share(weight);
    if (reading !== undefined && 'wrong' in reading) return { wrong: `has a weight that ${reading.wrong}` };
    const { provider, model } = one.value;
    value.push({
      provider,
      ...(model === undefined ? {} : { model }),
      ...(reading === undefined ? {} : { weight: reading.value }),
    });
  }
  return { value };
}

/** `provider`, `provider:model` (the model may have colons of its own) or a mapping of the two. */
export function readRouteTarget(written: unknown): Reading<RouteTarget> {
  if (typeof written === 'string') {
    const [, provider, model] = /^\s*([^:]+?)\s*(?::\s*(.+?)\s*)?$/.exec(written) ?? [];
    if (provider === undefined || !isShortText(written)) return { wrong: 'is not "provider:model"' };
    return { value: { provider, ...(model === undefined ? {} : { model }) } };
  }
  if (!isMapping(written)) return { wrong: 'is missing' };
  const unknown = unknownKey(written, ['provider', 'model']);
  if (unknown !== undefined) return unknown;
  const { provider, model } = written;
  if (!isShortText(provider)) return { wrong: 'names no provider' };
  if (model !== undefined && !isShortText(model)) return { wrong: 'has a model that is not a text' };
  return { value: { provider, ...(model === undefined ? {} : { model }) } };
}

const patternKeys = ['agent', 'model', 'session', 'path', 'tag', 'class', 'tool'] as const;
const conditionKeys = [...patternKeys, 'header', 'body_bytes', 'thinking', 'time'];

function readCondition(written: unknown): Reading<RouteCondition> {
  if (!isMapping(written)) return { wrong: 'has a when that is not a mapping of keys to values' };
  const unknown = unknownKey(written, conditionKeys);
  if (unknown !== undefined) return unknown;
  const value: { -readonly [Key in keyof RouteCondition]: RouteCondition[Key] } = {};
  for (const key of patternKeys) {
    if (written[key] === undefined) continue;
    const patterns = readPatterns(written[key]);
    if (patterns === undefined)
      return { wrong: `has a when.${key} that is not a pattern or a list of patterns` };
    value[key] = patterns;
  }
  const { header, thinking, body_bytes: bodyBytes, time } = written;
  if (header !== undefined) {
    const entries = isMapping(header) ? Object.entries(header) : [];
    const read = entries.map(([name, patterns]) => [name, readPatterns(patterns)] as const);
    if (
      read.length === 0 ||
      read.some(([name, patterns]) => patterns === undefined || !/^[\w-]+$/.test(name))
    ) {
      return { wrong: 'has a when.header that does not map names to patterns' };
    }
    value.header = Object.fromEntries(read.map(([name, patterns]) => [name, patterns ?? []]));
  }
  if (thinking !== undefined) {
    if (typeof thinking !== 'boolean') return { wrong: 'has a when.thinking that is not true or false' };
    value.thinking = thinking;
  }
  if (bodyBytes !== undefined) {
    const range = readRange(bodyBytes);
    if (range === undefined)
      return { wrong: 'has a when.body_bytes that is not a size', fix: 'Write ">= 100KiB" or "< 1MB".' };
    value.bodyBytes = range;
  }
  if (time !== undefined) {
    const span = readTime(time);
    if (span === undefined)
      return { wrong: 'has a when.time that is not a span of the day', fix: 'Write "22:00-06:00".' };
    value.time = span;
  }
  return { value };
}

function readPatterns(written: unknown): readonly string[] | undefined {
  const list: unknown[] = Array.isArray(written) ? written : [written];
  return list.length > 0 && list.length <= patternsMax && list.every(isShortText) ? list : undefined;
}

function readRange(written: unknown): { min: number; max: number } | undefined {
  const [, comparison, size] = /^\s*(<=?|>=?)\s*(\S.*?)\s*$/.exec(String(written)) ?? [];
  const bytes = size === undefined ? undefined : parseByteSize(size);
  if (bytes === undefined) return undefined;
  if (comparison === '<' || comparison === '<=')
    return { min: 0, max: comparison === '<' ? bytes - 1 : bytes };
  return { min: comparison === '>' ? bytes + 1 : bytes, max: Number.MAX_SAFE_INTEGER };
}

function readTime(written: unknown): { fromMinute: number; toMinute: number } | undefined {
  const clock = '([01]\\d|2[0-4]):([0-5]\\d)';
  const found = new RegExp(`^\\s*${clock}\\s*-\\s*${clock}\\s*$`).exec(String(written));
  if (found === null) return undefined;
  const [fromHour = 0, fromRest = 0, toHour = 0, toRest = 0] = found.slice(1).map(Number);
  const [fromMinute, toMinute] = [fromHour * 60 + fromRest, toHour * 60 + toRest];
  return Math.max(fromMinute, toMinute) > 24 * 60 ? undefined : { fromMinute, toMinute };
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200 && !hasControlCharacter(value);
}

function unknownKey(written: RawTree, known: readonly string[]): { wrong: string; fix: string } | undefined {
  const key = Object.keys(written).find((name) => !known.includes(name));
  if (key === undefined) return undefined;
  const guess = nearestName(key, known);
  const fix = guess === undefined ? `Known keys here: ${known.join(', ')}.` : `Did you mean "${guess}"?`;
  return { wrong: `has the unknown key "${key.slice(0, 40)}"`, fix };
}
