import { asArray, asObject, type JsonObject } from '#formats';
import type { ClaudeCapabilities } from './claude-capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';
import { isStrictSchema } from './json-schema.ts';
import type { ToolNames } from './tool-names.ts';

export interface ChatToolOptions {
  readonly capabilities: ClaudeCapabilities;
  readonly names: ToolNames;
  readonly dropped: DroppedWords;
}

/** Names of all tools a request declares, whether they can be carried or not. */
export function declaredFunctionNames(request: JsonObject): string[] {
  return asArray(request.tools).flatMap((tool) => {
    const name = asObject(asObject(tool)?.function)?.name;
    return typeof name === 'string' ? [name] : [];
  });
}

/**
 * `tools` and `tool_choice` for the Messages API.
 * @param called tools that the conversation has called: a conversation with calls is refused when nothing is declared
 */
export function translateFunctions(
  request: JsonObject,
  called: ReadonlySet<string>,
  options: ChatToolOptions,
): JsonObject {
  const allowed = allowedNames(request.tool_choice);
  const tools = functionsOf(request, options).filter(
    ({ name }) => allowed === undefined || allowed.has(String(name)),
  );
  if (tools.length > 0) {
    return {
      tools: tools.map((tool) => toolOf(tool, options)),
      ...choiceOf(request, tools, options),
    };
  }
  if (called.size === 0) return {};
  const input_schema = { type: 'object', properties: {} };
  return { tools: [...called].map((name) => ({ name, input_schema })), tool_choice: { type: 'none' } };
}

function functionsOf(request: JsonObject, { dropped }: ChatToolOptions): readonly JsonObject[] {
  const tools = new Map<string, JsonObject>();
  for (const item of asArray(request.tools)) {
    const tool = asObject(item) ?? {};
    const called = asObject(tool.function);
    if (called !== undefined && typeof called.name === 'string' && called.name !== '') {
      tools.set(called.name, called);
    } else {
      const name = called?.name ?? asObject(tool.custom)?.name ?? tool.type;
      dropped.add(`tool ${quoted(name)} of the type ${quoted(tool.type)}: only functions can be carried`);
    }
  }
  return [...tools.values()];
}

function toolOf(tool: JsonObject, { capabilities, names, dropped }: ChatToolOptions): JsonObject {
  const { name, description, parameters, strict } = tool;
  const schema = inputSchema(asObject(parameters), String(name), dropped);
  const isStrict = strict === true && capabilities.strictSchemas && isStrictSchema(schema);
  if (strict === true && !isStrict) dropped.add(`tool ${quoted(name)}: strict checking of its input`);
  return {
    name: names.shorten(String(name)),
    ...(typeof description === 'string' && description !== '' ? { description } : {}),
    input_schema: schema,
    ...(isStrict ? { strict: true } : {}),
  };
}

const alternatives = ['anyOf', 'oneOf', 'allOf'] as const;

/** The Messages API wants an object, and refuses alternatives at the top. */
function inputSchema(parameters: JsonObject | undefined, name: string, dropped: DroppedWords): JsonObject {
  if (parameters === undefined) return { type: 'object', properties: {} };
  const left = alternatives.filter((key) => parameters[key] !== undefined);
  for (const key of left) dropped.add(`tool ${quoted(name)}: ${key} at the top of its schema`);
  if (left.length === 0 && parameters.type === 'object') return parameters;
  const entries = Object.entries(parameters).filter(([key]) => !left.some((taken) => taken === key));
  return { ...Object.fromEntries(entries), type: 'object' };
}

/** The shape `{type: "allowed_tools", allowed_tools: {mode, tools}}` narrows the list. */
function allowedNames(choice: unknown): ReadonlySet<string> | undefined {
  const allowed = asObject(asObject(choice)?.allowed_tools);
  if (allowed === undefined) return undefined;
  const names = asArray(allowed.tools).map((tool) => {
    const item = asObject(tool) ?? {};
    return asObject(item.function)?.name ?? item.name;
  });
  return new Set(names.filter((name) => typeof name === 'string'));
}

function choiceOf(request: JsonObject, tools: readonly JsonObject[], options: ChatToolOptions): JsonObject {
  const choice = kindOf(request.tool_choice, tools, options);
  if (request.parallel_tool_calls !== false) return choice === undefined ? {} : { tool_choice: choice };
  const single = { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
  return { tool_choice: choice?.type === 'none' ? choice : single };
}

function kindOf(
  asked: unknown,
  tools: readonly JsonObject[],
  { names, dropped }: ChatToolOptions,
): JsonObject | undefined {
  if (asked === undefined || asked === null) return undefined;
  const allowed = asObject(asObject(asked)?.allowed_tools);
  const word = allowed === undefined ? asked : (allowed.mode ?? 'auto');
  if (word === 'auto' || word === 'none') return { type: word };
  if (word === 'required' || word === 'any') return { type: 'any' };
  const { name } = asObject(asObject(asked)?.function) ?? {};
  if (typeof name === 'string' && tools.some((tool) => tool.name === name)) {
    return { type: 'tool', name: names.shorten(name) };
  }
  dropped.add(`tool_choice: the model cannot be made to call ${quoted(name ?? asked)}`);
  return undefined;
}
