import { asArray, asObject, type JsonObject } from '#formats';
import type { ModelCapabilities } from './capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';
import { isStrictSchema, openapiSchema } from './json-schema.ts';
import type { ToolNames } from './tool-names.ts';

/** A tool that the client runs itself and describes with a schema: the only kind that another provider can call. */
interface ClientTool {
  readonly name: string;
  readonly definition: JsonObject;
}

export interface ToolTranslation {
  /** Keys for the request: `tools`, `tool_choice`, `parallel_tool_calls`; none of them when there is no tool. */
  readonly fields: JsonObject;
  /** Descriptions that were too long for their place and belong into the system prompt. */
  readonly longDescriptions: readonly string[];
}

interface ToolOptions {
  readonly capabilities: ModelCapabilities;
  readonly names: ToolNames;
  readonly dropped: DroppedWords;
}

/** Names of all tools a request declares, whether they can be carried or not. */
export function declaredToolNames(request: JsonObject): string[] {
  return toolEntries(request).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
}

export function translateTools(request: JsonObject, options: ToolOptions): ToolTranslation {
  const { capabilities, dropped } = options;
  const clientTools = keptTools(loadedTools(clientToolsOf(request, dropped), request, dropped), options);
  if (clientTools.length === 0) return { fields: {}, longDescriptions: [] };

  const longDescriptions: string[] = [];
  const tools = clientTools.map((tool) => functionOf(tool, options, longDescriptions));
  return {
    fields: {
      tools,
      ...choiceOf(asObject(request.tool_choice), clientTools, options),
      ...parallelOf(asObject(request.tool_choice), capabilities, dropped),
    },
    longDescriptions,
  };
}

function toolEntries(request: JsonObject): readonly JsonObject[] {
  const declared = asArray(request.tools).map((tool) => asObject(tool) ?? {});
  return [
    ...declared,
    ...toolChanges(request).flatMap(({ definition }) => (definition === undefined ? [] : [definition])),
  ];
}

function clientToolsOf(request: JsonObject, dropped: DroppedWords): readonly ClientTool[] {
  const tools = new Map<string, ClientTool>();
  for (const definition of toolEntries(request)) {
    const { name, type, allowed_callers: callers } = definition;
    if (type !== undefined && type !== null && type !== 'custom') {
      dropped.add(
        `tool ${quoted(name ?? type)}: Anthropic's own kind ${quoted(type)}, which no other provider has`,
      );
    } else if (typeof name !== 'string' || name === '') {
      dropped.add('a tool without a name');
    } else if (Array.isArray(callers) && !callers.includes('direct')) {
      dropped.add(`tool ${quoted(name)}: only code that Anthropic runs may call it`);
    } else {
      tools.set(name, { name, definition });
    }
  }
  for (const { removed } of toolChanges(request)) if (removed !== undefined) tools.delete(removed);
  return [...tools.values()];
}

/**
 * Deferred tools are no part of the prompt until a search has found them. There is no such thing elsewhere: those that
 * were found or called stand with the others, the rest stays away, as the client meant it. Where the search itself is
 * Anthropic's, nothing could ever find them, so they all are given.
 */
function loadedTools(
  tools: readonly ClientTool[],
  request: JsonObject,
  dropped: DroppedWords,
): readonly ClientTool[] {
  if (!tools.some(({ definition }) => definition.defer_loading === true)) return tools;
  const hasServerSearch = toolEntries(request).some(({ type }) => isServerSearch(type));
  const loaded = hasServerSearch ? new Set(tools.map(({ name }) => name)) : loadedNames(request);
  const kept = tools.filter(({ name, definition }) => definition.defer_loading !== true || loaded.has(name));
  if (kept.length < tools.length) {
    dropped.add(`deferred tools that were not loaded yet: ${tools.length - kept.length} left out`);
  }
  if (kept.some(({ definition }) => definition.defer_loading === true)) {
    dropped.add('defer_loading: the tools that were loaded are given like all others');
  }
  return kept;
}

function isServerSearch(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('tool_search_tool');
}

/** Names in references and in calls, wherever they stand in the conversation. */
function loadedNames(request: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  for (const block of allBlocks(request)) {
    if (block.type === 'tool_use') addName(names, block.name);
    for (const item of asArray(block.content)) {
      const inner = asObject(item);
      if (inner?.type === 'tool_reference') addName(names, inner.tool_name);
    }
  }
  for (const { added } of toolChanges(request)) addName(names, added);
  return names;
}

function addName(names: Set<string>, name: unknown): void {
  if (typeof name === 'string') names.add(name);
}

interface ToolChange {
  readonly added?: string;
  readonly definition?: JsonObject;
  readonly removed?: string;
}

/** `tool_addition` and `tool_removal` blocks; what holds at the end is what the next answer may use. */
function toolChanges(request: JsonObject): readonly ToolChange[] {
  const last = new Map<string, ToolChange>();
  for (const { type, tool } of allBlocks(request)) {
    if (type !== 'tool_addition' && type !== 'tool_removal') continue;
    const definition = asObject(asObject(tool)?.definition);
    const name = definition?.name ?? asObject(tool)?.name;
    if (typeof name !== 'string') continue;
    if (type === 'tool_removal') last.set(name, { removed: name });
    else last.set(name, { added: name, ...(definition === undefined ? {} : { definition }) });
  }
  return [...last.values()];
}

function* allBlocks(request: JsonObject): Generator<JsonObject> {
  for (const message of asArray(request.messages)) {
    for (const item of asArray(asObject(message)?.content)) {
      const block = asObject(item);
      if (block !== undefined) yield block;
    }
  }
}

function keptTools(
  tools: readonly ClientTool[],
  { capabilities, dropped }: ToolOptions,
): readonly ClientTool[] {
  if (!capabilities.tools) {
    if (tools.length > 0) dropped.add(`tools: the model calls none, ${tools.length} left out`);
    return [];
  }
  const max = capabilities.toolsMax ?? Number.POSITIVE_INFINITY;
  for (const { name } of tools.slice(max))
    dropped.add(`tool ${quoted(name)}: the provider takes ${max} at most`);
  return tools.slice(0, max);
}

/** What is translated, named elsewhere, or says nothing to another provider, as where a cache may begin. */
const knownToolKeys: ReadonlySet<string> = new Set([
  ...['name', 'type', 'description', 'input_schema', 'strict', 'input_examples', 'defer_loading'],
  ...['allowed_callers', 'cache_control', 'eager_input_streaming'],
]);

function functionOf(
  { name, definition }: ClientTool,
  { capabilities, names, dropped }: ToolOptions,
  longDescriptions: string[],
): JsonObject {
  const { input_schema: schema, description, strict } = definition;
  const parameters = asObject(schema) ?? { type: 'object', properties: {} };
  const isStrict = strict === true && capabilities.strictTools && isStrictSchema(parameters);
  if (strict === true && !isStrict) dropped.add(`tool ${quoted(name)}: strict checking of its input`);
  if (definition.input_examples !== undefined) dropped.add(`tool ${quoted(name)}: examples of its input`);
  for (const key of Object.keys(definition))
    if (!knownToolKeys.has(key))
      dropped.add(`tool ${quoted(name)}: ${quoted(key)} is unknown to other providers`);
  const shortName = names.shorten(name);
  const text = typeof description === 'string' ? description : undefined;
  const max = capabilities.toolDescriptionMax ?? Number.POSITIVE_INFINITY;
  const isLong = text !== undefined && text.length > max;
  if (isLong) longDescriptions.push(`The tool ${shortName}:\n${text}`);
  return {
    type: 'function',
    function: {
      name: shortName,
      ...(text === undefined ? {} : { description: isLong ? `${text.slice(0, max - 1)}…` : text }),
      parameters: capabilities.toolSchema === 'openapi' ? openapiSchema(parameters, dropped) : parameters,
      ...(isStrict ? { strict: true } : {}),
    },
  };
}

function choiceOf(
  choice: JsonObject | undefined,
  tools: readonly ClientTool[],
  { capabilities, names, dropped }: ToolOptions,
): JsonObject {
  const canForce = capabilities.toolChoice !== 'auto';
  switch (choice?.type) {
    case undefined:
      return {};
    case 'auto':
      return { tool_choice: 'auto' };
    case 'none':
      return { tool_choice: 'none' };
    case 'any':
      if (canForce) return { tool_choice: 'required' };
      dropped.add('tool_choice: the model cannot be made to call a tool');
      return { tool_choice: 'auto' };
    case 'tool':
      if (canForce && tools.some(({ name }) => name === choice.name)) {
        return { tool_choice: { type: 'function', function: { name: names.shorten(String(choice.name)) } } };
      }
      dropped.add(`tool_choice: the model cannot be made to call ${quoted(choice.name)}`);
      return { tool_choice: 'auto' };
    default:
      dropped.add(`tool_choice of the unknown kind ${quoted(choice?.type)}`);
      return {};
  }
}

function parallelOf(
  choice: JsonObject | undefined,
  capabilities: ModelCapabilities,
  dropped: DroppedWords,
): JsonObject {
  if (choice?.disable_parallel_tool_use !== true) return {};
  if (capabilities.parallelTools) return { parallel_tool_calls: false };
  dropped.add('disable_parallel_tool_use: the model may call several tools at once');
  return {};
}
