import { join } from 'node:path';
import { AgentDefinitions } from './agent-definitions.ts';
import { agentTypeIn, calledAgentIn, projectAgentDirectories, SessionFiles } from './session-files.ts';

/** A request waits this long for a slow disk, then it is routed without the name of its agent. */
const waitMsMax = 2_000;
/** The file is there before the agent's first request, though not always before it has been renamed into its place. */
const pausesMs = [0, 25, 50];
/** What the parent said reaches its transcript up to a third of a second later. */
const laterPausesMs = [0, 50, 100, 150];
/** A name that was not found is asked for again after this time. */
const missingMs = 30_000;
const namesMax = 4_096;

/** What the head of a request says about its agent. */
export interface AgentMarks {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly parentAgentId?: string;
}

/** What the body of a request says about its agent. */
export interface AgentClues {
  /** Texts of the system prompt, block by block. */
  readonly systemTexts: readonly string[];
  /** Texts of the first thing that the user says, block by block. */
  readonly firstTexts: readonly string[];
}

/**
 * Names of subagents, out of the files that Claude Code keeps about its sessions and those in which users define agents.
 * A client that says the name itself needs none of this.
 */
export class AgentNames {
  readonly #claudeDirs: readonly string[];
  readonly #waitMs: number;
  readonly #sessions: SessionFiles;
  readonly #definitions = new AgentDefinitions();
  /** Null = not found lately. The oldest goes first. */
  readonly #found = new Map<string, string | null>();

  constructor(claudeDirs: readonly string[], { waitMs = waitMsMax }: { readonly waitMs?: number } = {}) {
    this.#claudeDirs = claudeDirs;
    this.#waitMs = waitMs;
    this.#sessions = new SessionFiles(claudeDirs);
  }

  /**
   * First the file beside the subagent's transcript, then the call in the parent's, then the definitions of agents. Waits
   * at most `waitMs`, besides the body; less than half a second for files that are not there. Null when nothing tells the name in time. Never rejects.
   * @param readClues reads the body; called when the head is not enough
   */
  async find(marks: AgentMarks, readClues?: () => Promise<AgentClues>): Promise<string | null> {
    // They become parts of paths.
    const { sessionId, agentId, parentAgentId } = marks;
    const plain = {
      ...(isPlainName(sessionId) ? { sessionId } : {}),
      ...(isPlainName(agentId) ? { agentId } : {}),
      ...(isPlainName(parentAgentId) ? { parentAgentId } : {}),
    };
    const key = plain.agentId === undefined ? undefined : `${plain.sessionId}/${plain.agentId}`;
    const known = key === undefined ? undefined : this.#found.get(key);
    if (known !== undefined) return known;
    const early = await within(this.#waitMs / 4, (isLate) => this.#byMeta(plain, isLate));
    const clues = early === null ? await readClues?.() : undefined;
    const name =
      early ?? (await within((this.#waitMs * 3) / 4, (isLate) => this.#byAll(plain, clues, isLate)));
    if (key !== undefined) this.#remember(key, name);
    return name;
  }

  async #byMeta(marks: AgentMarks, isLate: () => boolean): Promise<string | null> {
    if (marks.sessionId === undefined || marks.agentId === undefined) return null;
    for (const pauseMs of pausesMs) {
      await pause(pauseMs);
      const name = await this.#typeOnDisk(marks, isLate);
      if (name !== undefined) return name;
    }
    return null;
  }

  async #byAll(
    marks: AgentMarks,
    clues: AgentClues | undefined,
    isLate: () => boolean,
  ): Promise<string | null> {
    // The main agent of an old client has neither file nor call.
    const pauses = marks.agentId === undefined ? [0] : laterPausesMs;
    for (const pauseMs of pauses) {
      await pause(pauseMs);
      if (isLate()) return null;
      const name =
        (await this.#typeOnDisk(marks, isLate)) ??
        (clues &&
          ((await this.#called(marks, clues, isLate)) ?? (await this.#defined(marks, clues, isLate))));
      if (name !== undefined) return name;
    }
    return null;
  }

  async #typeOnDisk({ sessionId, agentId }: AgentMarks, isLate: () => boolean): Promise<string | undefined> {
    if (sessionId === undefined || agentId === undefined) return undefined;
    for (const place of await this.#sessions.placesOf(sessionId, isLate)) {
      const name = await agentTypeIn(place, agentId);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  async #called(
    { sessionId, agentId, parentAgentId }: AgentMarks,
    { firstTexts }: AgentClues,
    isLate: () => boolean,
  ): Promise<string | undefined> {
    if (sessionId === undefined || agentId === undefined) return undefined;
    for (const place of await this.#sessions.placesOf(sessionId, isLate)) {
      const name = await calledAgentIn(place, parentAgentId, firstTexts);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  async #defined(
    { sessionId }: AgentMarks,
    { systemTexts }: AgentClues,
    isLate: () => boolean,
  ): Promise<string | undefined> {
    const places = sessionId === undefined ? [] : await this.#sessions.placesOf(sessionId, isLate);
    const ofProjects = await Promise.all(places.map(projectAgentDirectories));
    const ofUser = this.#claudeDirs.map((directory) => join(directory, 'agents'));
    const directories = new Set([...ofProjects.flat(), ...ofUser]);
    return this.#definitions.match([...directories], systemTexts, isLate);
  }

  #remember(key: string, name: string | null): void {
    this.#found.set(key, name);
    if (this.#found.size > namesMax) this.#found.delete(this.#found.keys().next().value!);
    if (name !== null) return;
    setTimeout(() => {
      if (this.#found.get(key) === null) this.#found.delete(key);
    }, missingMs).unref();
  }
}

function isPlainName(text: string | undefined): text is string {
  return text !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

function pause(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a search finds within the time; null when it finds nothing, fails or is late, and then it stops soon after. */
async function within(
  ms: number,
  search: (isLate: () => boolean) => Promise<string | null>,
): Promise<string | null> {
  let isLate = false;
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => {
    isLate = true;
    resolve(null);
  }, ms);
  try {
    return await Promise.race([search(() => isLate).catch(() => null), late]);
  } finally {
    isLate = true;
    clearTimeout(timer);
  }
}
