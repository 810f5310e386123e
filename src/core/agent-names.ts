import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asObject, asText, parseJson } from '#formats';

/** A request waits this long for the name of its agent, then it is routed without. */
const waitMsMax = 400;
/** The file is there before the agent's first request, though not always before it has been renamed into its place. */
const pausesMs = [25, 50, 100, 200];
/** A name that was not found is asked for again after this time. */
const missingMs = 30_000;
const namesMax = 4_096;
const projectsMax = 5_000;
const fileBytesMax = 64 * 1024;

/**
 * Names of subagents, out of the files that Claude Code keeps about its sessions. A client that says the name itself
 * needs none of this.
 */
export class AgentNames {
  readonly #claudeDirs: readonly string[];
  /** The oldest goes first. */
  readonly #found = new Map<string, Promise<string | null>>();

  constructor(claudeDirs: readonly string[]) {
    this.#claudeDirs = claudeDirs;
  }

  /** Null when nothing tells it in time. Never rejects. */
  find(sessionId: string | undefined, agentId: string | undefined): Promise<string | null> {
    if (sessionId === undefined || agentId === undefined) return Promise.resolve(null);
    // Both become parts of a path.
    if (!isPlainName(sessionId) || !isPlainName(agentId)) return Promise.resolve(null);
    const key = `${sessionId}/${agentId}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const name = within(waitMsMax, this.#search(sessionId, agentId));
    this.#found.set(key, name);
    if (this.#found.size > namesMax) this.#found.delete(this.#found.keys().next().value!);
    void name.then((found) => {
      if (found === null) setTimeout(() => this.#found.delete(key), missingMs).unref();
    });
    return name;
  }

  async #search(sessionId: string, agentId: string): Promise<string | null> {
    for (const pauseMs of [0, ...pausesMs]) {
      if (pauseMs > 0) await pause(pauseMs);
      for (const claudeDir of this.#claudeDirs) {
        const projects = join(claudeDir, 'projects');
        for (const project of (await readdir(projects).catch(() => [])).slice(0, projectsMax)) {
          const file = join(projects, project, sessionId, 'subagents', `agent-${agentId}.meta.json`);
          const name = await readAgentType(file);
          if (name !== undefined) return name;
        }
      }
    }
    return null;
  }
}

function isPlainName(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

async function readAgentType(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(fileBytesMax), 0, fileBytesMax, 0);
    return asText(asObject(parseJson(buffer.subarray(0, bytesRead)))?.agentType, 200);
  } catch {
    return undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function within(ms: number, name: Promise<string | null>): Promise<string | null> {
  return Promise.race([name.catch(() => null), pause(ms).then(() => null)]);
}
