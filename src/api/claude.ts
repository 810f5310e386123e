import { z } from 'zod';
import type { Route } from './route.ts';

const instantText = z.string().describe('RFC 3339, UTC, with milliseconds.');
const bytes = z.number().describe('Bytes.');
const names = z.array(z.string());
const why = z.string().optional().describe('Why there is none.');
const secretsMasked = 'as written, secrets replaced by `***REDACTED***`';

const settings = z
  .strictObject({
    model: z.unknown().describe('Null when the file names none.'),
    default_mode: z.string().describe('The mode of permissions; empty when the file names none.'),
    permissions: z
      .strictObject({ bash: names, tools: names, mcp: names, other: names })
      .describe('What may be used without asking.'),
    plugins: z.strictObject({ enabled: names, disabled: names }),
    raw: z.unknown().describe(`The whole file ${secretsMasked}.`),
  })
  .meta({ id: 'ClaudeSettings' });

const memoryFile = z
  .strictObject({
    content: z.string(),
    sections: z.array(
      z.strictObject({ name: z.string(), position: z.number().describe('Offset in bytes.') }),
    ),
  })
  .meta({ id: 'ClaudeMemory' });

const mcpServers = z
  .strictObject({
    servers: z
      .array(
        z.strictObject({
          name: z.string(),
          command: z.string().describe('Empty for a server that is reached by an address.'),
          type: z.string(),
          args: names.optional(),
          url: z.string().optional(),
        }),
      )
      .describe('By name.'),
    raw: z.unknown().describe(`The whole file ${secretsMasked}.`),
  })
  .meta({ id: 'ClaudeMcpServers' });

const project = {
  id: z.string().describe('Name of the directory of its transcripts.'),
  name: z.string().describe('Last part of the path.'),
  path: z.string().describe('The working directory as transcripts have it; the id when none tells.'),
  path_known: z.boolean().describe('Whether a transcript told the path.'),
  session_count: z.number(),
  agent_count: z.number().describe('Transcripts of agents, those in `<session>/subagents` among them.'),
  file_count: z.number().describe('Files that were counted, transcripts or not.'),
  total_size: bytes,
  last_modified: instantText,
};

const todo = z.strictObject({ content: z.string(), status: z.string(), active_form: z.string() });

const todoListFacts = {
  session_uuid: z.string(),
  agent_uuid: z.string().describe("The session's own list has the session's id here; empty in old names."),
  file_path: z.string(),
  modified_at: instantText,
};

const plan = {
  id: z.number().describe('A whole number that stays the same while the file keeps its name.'),
  file_name: z.string(),
  display_name: z.string(),
  file_size: bytes,
  modified_at: instantText,
};

const lastIndexed = z
  .string()
  .describe('When the files were read: `YYYY-MM-DD HH:MM:SS`, UTC. They are read for each answer.');

export const claudeRoutes = {
  'claude.config': {
    method: 'GET',
    path: '/api/v2/claude/config',
    summary:
      "The user's settings, `CLAUDE.md` and MCP servers of Claude Code, as they are on the disk now, without secrets.",
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        settings: settings.nullable(),
        settings_error: why,
        claude_md: memoryFile.nullable(),
        claude_md_error: why,
        mcp_config: mcpServers.nullable(),
        mcp_config_error: why,
      }),
    },
    statuses: {},
  },
  'claude.projects': {
    method: 'GET',
    path: '/api/v2/claude/projects',
    summary: 'Directories in which Claude Code worked, the last used first.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        projects: z.array(z.strictObject({ ...project, created: instantText })),
        total_count: z.number(),
        total_size: bytes,
      }),
    },
    statuses: {},
  },
  'claude.project': {
    method: 'GET',
    path: '/api/v2/claude/projects/{id}',
    summary: 'One project with the files of its transcripts, the last written first.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        ...project,
        sessions: z.array(
          z.strictObject({
            id: z.string().describe('Name of the file without `.jsonl`.'),
            file: z.string().describe('Path below the directory of the project.'),
            is_agent: z.boolean(),
            size: bytes,
            modified: instantText,
          }),
        ),
        size_breakdown: z.strictObject({ sessions: bytes, agents: bytes }),
      }),
    },
    statuses: { 404: 'No project has this id.' },
  },
  'claude.todos': {
    method: 'GET',
    path: '/api/v2/claude/todos',
    summary: 'Todo lists of sessions and their agents, the last changed first.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        sessions: z.array(
          z.strictObject({
            ...todoListFacts,
            file_size: bytes,
            todo_count: z.number(),
            pending_count: z.number(),
            in_progress_count: z.number(),
            completed_count: z.number(),
          }),
        ),
        total_files: z.number(),
        non_empty_files: z.number(),
        status_breakdown: z.strictObject({
          pending: z.number(),
          in_progress: z.number(),
          completed: z.number(),
        }),
        last_indexed: lastIndexed,
      }),
    },
    statuses: {},
  },
  'claude.todo': {
    method: 'GET',
    path: '/api/v2/claude/todos/{id}',
    summary: 'The todo list of a session, and beside it those of its agents, each by itself.',
    query: z.object({
      agent: z
        .string()
        .optional()
        .describe("Agent id: give its list as `todos` instead of the session's own."),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        ...todoListFacts,
        todos: z.array(todo),
        lists: z
          .array(z.strictObject({ ...todoListFacts, todos: z.array(todo) }))
          .describe('All lists of the session, the last changed first.'),
      }),
    },
    statuses: { 404: 'The session, or the agent in it, has no todo list.' },
  },
  'claude.todos.reindex': {
    method: 'POST',
    path: '/api/v2/claude/todos/reindex',
    summary: 'Reads all todo lists and plans anew and says what could not be read. Nothing else needs it.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        files_processed: z.number(),
        todos_indexed: z.number(),
        plans_indexed: z.number(),
        errors: z.array(z.string()).describe('One sentence for each file that could not be read.'),
        duration: z.string().describe('Such as `7.44ms` or `1.20s`.'),
      }),
    },
    statuses: { 400: 'The request has neither JSON content type nor our header.' },
  },
  'claude.plans': {
    method: 'GET',
    path: '/api/v2/claude/plans',
    summary: 'Plans that Claude Code wrote down, the last changed first.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        plans: z.array(
          z.strictObject({ ...plan, preview: z.string().describe('The first 200 characters.') }),
        ),
        total_count: z.number(),
        total_size: bytes,
        last_indexed: lastIndexed,
      }),
    },
    statuses: {},
  },
  'claude.plan': {
    method: 'GET',
    path: '/api/v2/claude/plans/{id}',
    summary: 'One plan with its text.',
    query: z.object({}),
    answer: { kind: 'json', schema: z.strictObject({ ...plan, content: z.string() }) },
    statuses: { 400: 'The id is not a whole number.', 404: 'No plan has this id.' },
  },
} as const satisfies Record<string, Route>;
