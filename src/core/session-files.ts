import { readdir, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { asArray, asObject, asText, type JsonObject, parseJson } from '#formats';
import { plainPrompt } from './agent-definition.ts';
import { readRegularFile } from './read-regular-file.ts';

const projectsMax = 5_000;
const sessionsMax = 1_024;
const metaBytesMax = 64 * 1024;
/** The directory of a session stands in its first lines, a call that was just made in its last ones. */
const transcriptBytesMax = 1024 * 1024;
const nameLengthMax = 200;
const ancestorsMax = 16;

/** What Claude Code wrote about one session, below one project. */
export interface SessionPlace {
  /** `<claude>/projects/<slug>` */
  readonly project: string;
  readonly sessionId: string;
}

/** Finds the files that Claude Code keeps about its sessions. Sessions and agents have to be plain names. */
export class SessionFiles {
  readonly #claudeDirs: readonly string[];
  /** The oldest goes first. */
  readonly #places = new Map<string, readonly SessionPlace[]>();

  constructor(claudeDirs: readonly string[]) {
    this.#claudeDirs = claudeDirs;
  }

  /** The name of the directory says the project only roughly, so all of them are asked, once a session. */
  async placesOf(sessionId: string, isLate: () => boolean): Promise<readonly SessionPlace[]> {
    const known = this.#places.get(sessionId);
    if (known !== undefined) return known;
    const places: SessionPlace[] = [];
    for (const claudeDir of this.#claudeDirs) {
      const projects = join(claudeDir, 'projects');
      for (const slug of (await readdir(projects).catch(() => [])).slice(0, projectsMax)) {
        if (isLate()) return places;
        const project = join(projects, slug);
        const isThere =
          (await exists(join(project, sessionId))) || (await exists(join(project, `${sessionId}.jsonl`)));
        if (isThere) places.push({ project, sessionId });
      }
    }
    if (places.length === 0) return places;
    this.#places.set(sessionId, places);
    if (this.#places.size > sessionsMax) this.#places.delete(this.#places.keys().next().value!);
    return places;
  }
}

/** Name of a subagent in the file beside its transcript, which is there before its first request. */
export async function agentTypeIn(
  { project, sessionId }: SessionPlace,
  agentId: string,
): Promise<string | undefined> {
  const path = join(project, sessionId, 'subagents', `agent-${agentId}.meta.json`);
  const text = await readRegularFile(path, { bytesMax: metaBytesMax });
  return text === undefined ? undefined : asText(asObject(parseJson(text))?.agentType, nameLengthMax);
}

/**
 * Name in the call with which the parent started the subagent: the newest one whose prompt is the first thing that the
 * user says to the subagent.
 * @param parentId absent = the main agent
 */
export async function calledAgentIn(
  { project, sessionId }: SessionPlace,
  parentId: string | undefined,
  firstTexts: readonly string[],
): Promise<string | undefined> {
  const name =
    parentId === undefined ? `${sessionId}.jsonl` : join(sessionId, 'subagents', `agent-${parentId}.jsonl`);
  const text = await readRegularFile(join(project, name), { bytesMax: transcriptBytesMax, part: 'end' });
  if (text === undefined) return undefined;
  const prompts = new Set(firstTexts.map(plainPrompt));
  for (const line of text.split('\n').reverse()) {
    if (!line.includes('"tool_use"') || !/"(?:Agent|Task)"/.test(line)) continue;
    for (const { name: tool, input } of toolCallsIn(line)) {
      if (tool !== 'Agent' && tool !== 'Task') continue;
      const { prompt, subagent_type: type } = asObject(input) ?? {};
      if (typeof prompt === 'string' && prompts.has(plainPrompt(prompt)))
        return asText(type, nameLengthMax) ?? 'general-purpose';
    }
  }
  return undefined;
}

/** Where agents of the session's project may be defined: its directory and those above. */
export async function projectAgentDirectories({
  project,
  sessionId,
}: SessionPlace): Promise<readonly string[]> {
  const path = join(project, `${sessionId}.jsonl`);
  const text = (await readRegularFile(path, { bytesMax: transcriptBytesMax })) ?? '';
  for (const line of text.split('\n')) {
    const cwd = line.includes('"cwd"') ? asText(asObject(parseJson(line))?.cwd, 4_096) : undefined;
    if (cwd !== undefined && isAbsolute(cwd))
      return withAncestors(cwd).map((at) => join(at, '.claude', 'agents'));
  }
  return [];
}

function toolCallsIn(line: string): readonly JsonObject[] {
  const message = asObject(asObject(parseJson(line))?.message);
  if (message?.role !== 'assistant') return [];
  return asArray(message.content).flatMap((block) => {
    const call = asObject(block);
    return call?.type === 'tool_use' ? [call] : [];
  });
}

function withAncestors(directory: string): readonly string[] {
  const all = [directory];
  for (
    let above = dirname(directory);
    above !== all.at(-1) && all.length < ancestorsMax;
    above = dirname(above)
  )
    all.push(above);
  return all;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
