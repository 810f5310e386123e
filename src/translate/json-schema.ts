import { asArray, asObject, type JsonObject } from '#formats';
import type { DroppedWords } from './dropped-words.ts';

/** Deeper schemas are not looked through; no tool has one. */
const depthMax = 64;
/** References that are written out can make a long schema of a short one. */
const partsMax = 20_000;

/**
 * Whether OpenAI takes a schema with `strict: true`: every object lists all of its properties as required and allows
 * no others. Sent without that mark, any schema is taken as a description.
 */
export function isStrictSchema(schema: unknown, depth = 0): boolean {
  const object = asObject(schema);
  if (object === undefined) return true;
  if (depth > depthMax) return false;
  const properties = asObject(object.properties);
  if (properties !== undefined || object.type === 'object') {
    const required = new Set(asArray(object.required));
    if (object.additionalProperties !== false) return false;
    if (!Object.keys(properties ?? {}).every((key) => required.has(key))) return false;
  }
  return children(object).every((child) => isStrictSchema(child, depth + 1));
}

function children(schema: JsonObject): unknown[] {
  return [
    ...Object.values(asObject(schema.properties) ?? {}),
    ...Object.values(asObject(schema.$defs) ?? {}),
    ...Object.values(asObject(schema.definitions) ?? {}),
    ...asArray(schema.anyOf),
    ...asArray(schema.allOf),
    ...asArray(schema.oneOf),
    ...(Array.isArray(schema.items) ? schema.items : [schema.items]),
  ];
}

/** Keywords that are carried as they are. */
const openapiKeywords: ReadonlySet<string> = new Set([
  'type',
  'format',
  'title',
  'description',
  'nullable',
  'enum',
  'items',
  'properties',
  'required',
  'anyOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'pattern',
  'default',
]);

/**
 * The schema in the OpenAPI subset some providers insist on. What says the same in other words is rewritten (`const`,
 * `oneOf`, lists of types, references); the rest is left out and named.
 */
export function openapiSchema(schema: JsonObject, dropped: DroppedWords): JsonObject {
  const definitions = { ...asObject(schema.definitions), ...asObject(schema.$defs) };
  const left = new Set<string>();
  const answer = convert(schema, { definitions, left, open: [], parts: { count: 0 } });
  for (const keyword of left) dropped.add(`tool schemas: the keyword ${keyword}`);
  return answer;
}

interface Conversion {
  readonly definitions: JsonObject;
  /** Keywords that were left out. */
  readonly left: Set<string>;
  /** References that are being followed: one that leads back to itself ends there. */
  readonly open: readonly string[];
  readonly parts: { count: number };
}

/** Nothing is lost with these: they say where the schema is from, or are resolved. */
const silent: ReadonlySet<string> = new Set(['$schema', '$id', '$comment', '$defs', 'definitions', '$ref']);

function convert(schema: JsonObject, conversion: Conversion, depth = 0): JsonObject {
  conversion.parts.count += 1;
  if (depth > depthMax || conversion.parts.count > partsMax) return {};
  const answer: { [key: string]: unknown } = Object.create(null);
  Object.assign(answer, resolveReference(schema.$ref, conversion, depth));
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'const') answer.enum = [value];
    else if (keyword === 'oneOf') answer.anyOf = convertList(value, conversion, depth);
    else if (keyword === 'type') Object.assign(answer, convertType(value));
    else if (!openapiKeywords.has(keyword)) {
      if (!silent.has(keyword)) conversion.left.add(keyword);
    } else if (keyword === 'anyOf') answer.anyOf = convertList(value, conversion, depth);
    else if (keyword === 'items') answer.items = convert(asObject(value) ?? {}, conversion, depth + 1);
    else if (keyword === 'properties') answer.properties = convertMap(value, conversion, depth);
    else answer[keyword] = value;
  }
  // An array without items is refused there.
  if (answer.type === 'array' && answer.items === undefined) answer.items = {};
  return answer;
}

function convertList(value: unknown, conversion: Conversion, depth: number): JsonObject[] {
  return asArray(value).map((item) => convert(asObject(item) ?? {}, conversion, depth + 1));
}

function convertMap(value: unknown, conversion: Conversion, depth: number): JsonObject {
  const answer: { [key: string]: unknown } = Object.create(null);
  for (const [name, inner] of Object.entries(asObject(value) ?? {})) {
    answer[name] = convert(asObject(inner) ?? {}, conversion, depth + 1);
  }
  return answer;
}

/** `["string", "null"]` is a string that may be null. */
function convertType(value: unknown): JsonObject {
  if (!Array.isArray(value)) return { type: value };
  const types = value.filter((type) => type !== 'null');
  const nullable = types.length < value.length ? { nullable: true } : {};
  return types.length === 1
    ? { type: types[0], ...nullable }
    : { anyOf: types.map((type) => ({ type })), ...nullable };
}

function resolveReference(reference: unknown, conversion: Conversion, depth: number): JsonObject {
  const name =
    typeof reference === 'string' ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(reference)?.[1] : undefined;
  if (name === undefined || conversion.open.includes(name) || !Object.hasOwn(conversion.definitions, name))
    return {};
  const target = asObject(conversion.definitions[name]) ?? {};
  return convert(target, { ...conversion, open: [...conversion.open, name] }, depth + 1);
}
