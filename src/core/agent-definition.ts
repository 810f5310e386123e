/** What the file of an agent says that its requests show. */
export interface AgentDefinition {
  /** Undefined when it is not a plain text on one line; then the agent is called like its file. */
  readonly name: string | undefined;
  /** Beginning of the agent's system prompt, in the form of `plainPrompt`. */
  readonly prompt: string;
}

const nameLengthMax = 200;

/**
 * Reads the Markdown of an agent: front matter between the first two lines of `---`, then the prompt, in which such
 * lines are rules like any others.
 *
 * Only one value of the front matter is of interest, and core has no packages. In a block mapping each line that begins
 * with `name:` is that key, whatever stands around it, so this needs no parser of YAML; the tests compare it with one.
 * @returns undefined when it has no front matter or no prompt
 */
export function readAgentDefinition(markdown: string): AgentDefinition | undefined {
  const lines = markdown.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  if (!isFence(lines[0])) return undefined;
  const end = lines.findIndex((line, index) => index > 0 && isFence(line));
  if (end < 0) return undefined;
  const prompt = plainPrompt(lines.slice(end + 1).join('\n'));
  if (prompt === '') return undefined;
  return { name: nameIn(lines.slice(1, end)), prompt };
}

/** A prompt without what differs between two copies of it: line ends, indentation, empty lines. */
export function plainPrompt(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function isFence(line: string | undefined): boolean {
  return line !== undefined && /^---[ \t]*$/.test(line);
}

function nameIn(frontMatter: readonly string[]): string | undefined {
  const at = frontMatter.findLastIndex((line) => /^(?:name|"name"|'name')[ \t]*:(?:[ \t]|$)/.test(line));
  if (at < 0) return undefined;
  // A value may go on in lines that are indented.
  if (/^[ \t]+\S/.test(frontMatter.slice(at + 1).find((line) => line.trim() !== '') ?? '')) return undefined;
  const value = frontMatter[at]!.replace(/^[^:]*:/, '').trim();
  const name = plainScalar(value) ?? singleQuoted(value) ?? doubleQuoted(value);
  return name === undefined || name === '' || name.length > nameLengthMax ? undefined : name;
}

function plainScalar(value: string): string | undefined {
  const text = value.replace(/(?:^|[ \t])#.*$/, '').trim();
  // Not one that begins like a text in quotes, a list, an alias, a tag or another thing of YAML, nor a key of its own.
  return /^[\p{L}\p{N}_./+-]/u.test(text) && !/^-(?:[ \t]|$)/.test(text) && !/:(?:[ \t]|$)/.test(text)
    ? text
    : undefined;
}

function singleQuoted(value: string): string | undefined {
  return /^'((?:[^']|'')*)'[ \t]*(?:[ \t]#.*)?$/.exec(value)?.[1]?.replaceAll("''", "'");
}

/** Without escapes: no name of an agent needs them. */
function doubleQuoted(value: string): string | undefined {
  return /^"([^"\\]*)"[ \t]*(?:[ \t]#.*)?$/.exec(value)?.[1];
}
