import { asArray, asObject, asText, type JsonObject, parseJson } from '#formats';
import type { FileTouch } from '#store';

/** Longer ones are no paths. */
const pathCharactersMax = 4_096;
/** A patch may name many files; nobody looks through more. */
const filesPerCallMax = 200;

/** Keys under which tools of coding agents take the file they work on. */
const pathKeys = ['file_path', 'notebook_path', 'filePath', 'path'] as const;
const readers = /^(?:read|notebookread|view|open|cat)/i;
const writers = /^(?:write|edit|multiedit|notebookedit|create|str_?replace|apply_?patch|update|delete)/i;
const searchers = /^(?:grep|glob|ls|list|search|find)/i;

/** Files that the calls in an answer work on, in their order. Of any format. */
export function filesInAnswer(answer: JsonObject): FileTouch[] {
  const choices = asArray(answer.choices).flatMap((choice) =>
    asArray(asObject(asObject(choice)?.message)?.tool_calls),
  );
  const items = [...asArray(answer.content), ...choices, ...asArray(answer.output)];
  return items.flatMap((item) => {
    const call = asObject(item);
    const made = asObject(call?.function) ?? call;
    const id = asText(call?.call_id, 256) ?? asText(call?.id, 256);
    const name = asText(made?.name, 256);
    if (id === undefined || name === undefined) return [];
    return filesOfCall(id, name, made?.input ?? made?.arguments);
  });
}

/** Files that one call works on. */
function filesOfCall(callId: string, tool: string, input: unknown): FileTouch[] {
  const given = typeof input === 'string' ? (parseJson(input) ?? input) : input;
  const patch = typeof given === 'string' ? given : asObject(given)?.patch;
  if (typeof patch === 'string' && patch.includes('*** ')) return filesInPatch(callId, tool, patch);
  const object = asObject(given);
  const path = pathKeys
    .map((key) => object?.[key])
    .find((value) => typeof value === 'string' && value !== '');
  if (typeof path !== 'string' || path.length > pathCharactersMax) return [];
  return [{ callId, tool, path, access: accessOf(tool) }];
}

/** The patches of Codex name each file in a line of its own. */
function filesInPatch(callId: string, tool: string, patch: string): FileTouch[] {
  const touched: FileTouch[] = [];
  for (const [, path = ''] of patch.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.{1,4096})$/gm)) {
    if (touched.length >= filesPerCallMax) break;
    touched.push({ callId, tool, path: path.trim(), access: 'write' });
  }
  return touched;
}

function accessOf(tool: string): FileTouch['access'] {
  // Tools of MCP servers carry the name of the server in front.
  const name = tool.slice(tool.lastIndexOf('__') + 1).replace(/^_/, '');
  if (writers.test(name)) return 'write';
  if (readers.test(name)) return 'read';
  return searchers.test(name) ? 'search' : 'other';
}
