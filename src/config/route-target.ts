import type { RouteTarget } from '#core-config';
import { nearestName } from './nearest-name.ts';
import { isMapping, type RawTree } from './raw-tree.ts';
import type { Reading } from './setting.ts';
import { hasControlCharacter } from './setting-readers.ts';

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

/** A text as names and patterns are. */
export function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200 && !hasControlCharacter(value);
}

/** The first key that is not known here, as what is wrong. */
export function unknownKey(
  written: RawTree,
  known: readonly string[],
): { wrong: string; fix: string } | undefined {
  const key = Object.keys(written).find((name) => !known.includes(name));
  if (key === undefined) return undefined;
  const guess = nearestName(key, known);
  const fix = guess === undefined ? `Known keys here: ${known.join(', ')}.` : `Did you mean "${guess}"?`;
  return { wrong: `has the unknown key "${key.slice(0, 40)}"`, fix };
}
