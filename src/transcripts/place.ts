export type TranscriptKind = 'claude' | 'codex';

/** A directory under which transcripts of one kind lie. */
export interface TranscriptRoot {
  readonly kind: TranscriptKind;
  /** Absolute: `~/.claude/projects` or `~/.codex/sessions`. */
  readonly directory: string;
}

/** What a path below a root says about the file. Paths are relative and written with `/`. */
export interface TranscriptPlace {
  readonly holds: 'entries' | 'agent-description' | 'session-title';
  /** The first directory: Claude Code makes it of the working directory, and there is no way back. */
  readonly project?: string;
  /** From the path; lines of a file may name another session. */
  readonly sessionId?: string;
  readonly agentId?: string;
}

const sessionName = '[0-9A-Za-z_-]{1,128}';
const claudeSession = new RegExp(`^(${sessionName})\\.jsonl$`);
const agentFile = /^agent-([0-9A-Za-z_-]{1,128})\.(jsonl|meta\.json)$/;
const codexFile = /^rollout-.*-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl$/;

/**
 * @param path relative to the root
 * @returns undefined for every file that is none of ours to read: keys of running sessions, credentials, histories of files
 */
export function placeOf(kind: TranscriptKind, path: string): TranscriptPlace | undefined {
  const parts = path.split('/');
  const name = parts.at(-1)!;
  if (kind === 'codex') {
    const sessionId = codexFile.exec(name)?.[1];
    return sessionId === undefined ? undefined : { holds: 'entries', sessionId };
  }
  // A transcript always lies in the directory of a project.
  if (parts.length < 2) return undefined;
  const project = { project: parts[0]! };
  const agent = agentFile.exec(name);
  if (agent) {
    const session = sessionAbove(parts);
    return {
      holds: agent[2] === 'jsonl' ? 'entries' : 'agent-description',
      ...project,
      ...(session === undefined ? {} : { sessionId: session }),
      agentId: agent[1]!,
    };
  }
  if (name === 'custom-title.json' && parts.length === 3)
    return { holds: 'session-title', ...project, sessionId: parts[1]! };
  const session = claudeSession.exec(name)?.[1];
  return session === undefined ? undefined : { holds: 'entries', ...project, sessionId: session };
}

/** Older clients put the files of agents beside the session, and only their lines say which one it was. */
function sessionAbove(parts: readonly string[]): string | undefined {
  return parts.length >= 4 && parts.at(-2) === 'subagents' ? parts.at(-3) : undefined;
}
