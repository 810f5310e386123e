import { z } from 'zod';
import { configSchema } from './config-schema.ts';
import { type SettingNotes, settingNotes } from './setting.ts';

export interface SettingDescription extends SettingNotes {
  /** Dotted; `<name>` stands for a name that the user chooses. */
  readonly key: string;
}

/** Every key of the configuration, in the order of the schema. */
export function listSettings(): readonly SettingDescription[] {
  return [...walk(configSchema, [])];
}

/** Keys that may stand at a place in the file; undefined when the user chooses them. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] | undefined {
  let schema: unknown = configSchema;
  for (const segment of path) schema = childOf(unwrap(schema), String(segment));
  const found = unwrap(schema);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : undefined;
}

function* walk(schema: unknown, path: readonly string[]): Generator<SettingDescription> {
  const notes = schema instanceof z.ZodType ? settingNotes.get(schema) : undefined;
  if (notes) {
    yield { key: path.join('.'), ...notes };
    return;
  }
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    for (const [name, child] of Object.entries(inner.shape)) yield* walk(child, [...path, name]);
  }
  if (inner instanceof z.ZodRecord) yield* walk(inner.valueType, [...path, '<name>']);
}

function childOf(schema: unknown, segment: string): unknown {
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodObject && Object.hasOwn(schema.shape, segment)) return schema.shape[segment];
  return undefined;
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  return inner;
}
