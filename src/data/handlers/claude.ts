import type { RouteKey } from '#api';
import type { ClaudeDirectory, Plan, Project, ReadOutcome, Settings, TodoList } from '#claude-directory';
import { ApiProblem } from '../api-problem.ts';
import type { Handlers } from '../handler.ts';
import { refuseUnintended } from '../refuse-unintended.ts';
import { instantText } from '../request-summary.ts';

type ClaudeRoute = Extract<RouteKey, `claude.${string}`>;

/** What Claude Code keeps beside its transcripts, read from the disk for each answer. */
export function claudeHandlers(
  files: ClaudeDirectory,
  { nowMs }: { readonly nowMs: () => number },
): Handlers<ClaudeRoute> {
  return {
    'claude.config': async () => {
      const [settings, memory, mcpServers] = await Promise.all([
        files.settings(),
        files.memory(),
        files.mcpServers(),
      ]);
      return {
        body: {
          settings: bodyOf(settings, settingsBody),
          ...('error' in settings ? { settings_error: settings.error } : {}),
          claude_md: bodyOf(memory, ({ content, sections }) => ({ content, sections: [...sections] })),
          ...('error' in memory ? { claude_md_error: memory.error } : {}),
          mcp_config: bodyOf(mcpServers, ({ servers, raw }) => ({
            servers: servers.map(({ args, ...server }) => ({
              ...server,
              ...(args ? { args: [...args] } : {}),
            })),
            raw,
          })),
          ...('error' in mcpServers ? { mcp_config_error: mcpServers.error } : {}),
        },
      };
    },

    'claude.projects': async () => {
      const projects = await files.projects();
      return {
        body: {
          projects: projects.map((project) => ({
            ...projectFacts(project),
            created: instantText(project.createdAtMs),
          })),
          total_count: projects.length,
          total_size: sum(projects, ({ bytes }) => bytes),
        },
      };
    },

    'claude.project': async ({ id }) => {
      const project = await files.project(id);
      if (project === undefined) throw new ApiProblem('not-found', 'Project not found');
      const { transcripts } = project;
      return {
        body: {
          ...projectFacts(project),
          sessions: transcripts.map(({ id, file, isAgent, bytes, modifiedAtMs }) => ({
            id,
            file,
            is_agent: isAgent,
            size: bytes,
            modified: instantText(modifiedAtMs),
          })),
          size_breakdown: {
            sessions: sum(transcripts, ({ isAgent, bytes }) => (isAgent ? 0 : bytes)),
            agents: sum(transcripts, ({ isAgent, bytes }) => (isAgent ? bytes : 0)),
          },
        },
      };
    },

    'claude.todos': async () => {
      const lists = await files.todoLists();
      return {
        body: {
          sessions: lists.map((list) => ({
            ...listFacts(list),
            file_size: list.bytes,
            todo_count: list.todos.length,
            pending_count: countOf(list, 'pending'),
            in_progress_count: countOf(list, 'in_progress'),
            completed_count: countOf(list, 'completed'),
          })),
          total_files: lists.length,
          non_empty_files: lists.filter(({ todos }) => todos.length > 0).length,
          status_breakdown: {
            pending: sum(lists, (list) => countOf(list, 'pending')),
            in_progress: sum(lists, (list) => countOf(list, 'in_progress')),
            completed: sum(lists, (list) => countOf(list, 'completed')),
          },
          last_indexed: secondText(nowMs()),
        },
      };
    },

    'claude.todo': async ({ id, query }) => {
      const lists = (await files.todoLists()).filter(({ sessionId }) => sessionId === id);
      const chosen = chooseList(lists, query.agent);
      if (chosen === undefined) throw new ApiProblem('not-found', 'Session not found');
      return { body: { ...listBody(chosen), lists: lists.map(listBody) } };
    },

    'claude.todos.reindex': async ({ request }) => {
      refuseUnintended(request);
      const startedAtMs = performance.now();
      files.forget();
      const [lists, plans] = await Promise.all([files.todoLists(), files.plans()]);
      return {
        body: {
          files_processed: lists.length + plans.length,
          todos_indexed: sum(lists, ({ todos }) => todos.length),
          plans_indexed: plans.length,
          errors: lists.flatMap(({ path, error }) => (error === undefined ? [] : [`${path}: ${error}`])),
          duration: durationText(performance.now() - startedAtMs),
        },
      };
    },

    'claude.plans': async () => {
      const plans = await files.plans();
      return {
        body: {
          plans: plans.map((plan) => ({ ...planFacts(plan), preview: plan.preview })),
          total_count: plans.length,
          total_size: sum(plans, ({ bytes }) => bytes),
          last_indexed: secondText(nowMs()),
        },
      };
    },

    'claude.plan': async ({ id }) => {
      if (!/^\d{1,15}$/.test(id)) throw new ApiProblem('bad-parameter', 'Invalid plan ID');
      const found = await files.plan(Number(id));
      if (found === undefined) throw new ApiProblem('not-found', 'Plan not found');
      return { body: { ...planFacts(found.plan), content: found.content } };
    },
  };
}

function bodyOf<T, Body>(outcome: ReadOutcome<T>, body: (value: T) => Body): Body | null {
  return 'error' in outcome ? null : body(outcome.value);
}

function settingsBody({ model, defaultMode, permissions, plugins, raw }: Settings) {
  return {
    model,
    default_mode: defaultMode,
    permissions: {
      bash: [...permissions.bash],
      tools: [...permissions.tools],
      mcp: [...permissions.mcp],
      other: [...permissions.other],
    },
    plugins: { enabled: [...plugins.enabled], disabled: [...plugins.disabled] },
    raw,
  };
}

function projectFacts({ id, name, path, isPathKnown, transcripts, ...project }: Project) {
  const agents = transcripts.filter(({ isAgent }) => isAgent).length;
  return {
    id,
    name,
    path,
    path_known: isPathKnown,
    session_count: transcripts.length - agents,
    agent_count: agents,
    file_count: project.fileCount,
    total_size: project.bytes,
    last_modified: instantText(project.modifiedAtMs),
  };
}

/** The list of the agent, or the session's own: the one under its id, else the one that changed last. */
function chooseList(lists: readonly TodoList[], agent: string | undefined): TodoList | undefined {
  if (agent !== undefined) return lists.find(({ agentId }) => agentId === agent);
  return lists.find(({ agentId, sessionId }) => agentId === sessionId || agentId === '') ?? lists[0];
}

function listBody(list: TodoList) {
  const todos = list.todos.map(({ content, status, activeForm }) => ({
    content,
    status,
    active_form: activeForm,
  }));
  return { ...listFacts(list), todos };
}

function listFacts({ sessionId, agentId, path, modifiedAtMs }: TodoList) {
  return {
    session_uuid: sessionId,
    agent_uuid: agentId,
    file_path: path,
    modified_at: instantText(modifiedAtMs),
  };
}

function planFacts({ id, fileName, displayName, bytes, modifiedAtMs }: Plan) {
  return {
    id,
    file_name: fileName,
    display_name: displayName,
    file_size: bytes,
    modified_at: instantText(modifiedAtMs),
  };
}

function countOf({ todos }: TodoList, status: string): number {
  return todos.filter((todo) => todo.status === status).length;
}

function sum<T>(values: readonly T[], numberOf: (value: T) => number): number {
  return values.reduce((total, value) => total + numberOf(value), 0);
}

/** `YYYY-MM-DD HH:MM:SS`, UTC. */
function secondText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function durationText(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(2)}ms` : `${(ms / 1000).toFixed(2)}s`;
}
