import { type McpServers, parseMcpServers } from './mcp-servers.ts';
import { type MemoryFile, parseMemoryFile } from './memory-file.ts';
import { findPlan, listPlans, type Plan } from './plans.ts';
import { findProject, listProjects, type Project } from './projects.ts';
import { type ReadOutcome, readFirst } from './read-first.ts';
import { parseSettings, type Settings } from './settings.ts';
import { createTodoLists, type TodoList } from './todo-lists.ts';

/** The files of Claude Code as they are at this moment. Nothing here rejects because of what a file holds. */
export interface ClaudeDirectory {
  settings(): Promise<ReadOutcome<Settings>>;
  memory(): Promise<ReadOutcome<MemoryFile>>;
  mcpServers(): Promise<ReadOutcome<McpServers>>;
  /** The last used first. */
  projects(): Promise<readonly Project[]>;
  project(id: string): Promise<Project | undefined>;
  /** The last changed first. */
  todoLists(): Promise<readonly TodoList[]>;
  /** The last changed first. */
  plans(): Promise<readonly Plan[]>;
  plan(id: number): Promise<{ readonly plan: Plan; readonly content: string } | undefined>;
  /** Forgets what was read, so that the next answers come from the disk alone. */
  forget(): void;
}

/**
 * Opens nothing yet: directories that do not exist have no files.
 * @param directories where Claude Code may keep its files, the likeliest first. What can be there once is taken from the
 * first that has it, what can be there often from all of them.
 */
export function openClaudeDirectory(directories: readonly string[]): ClaudeDirectory {
  const todoLists = createTodoLists(directories);
  return {
    settings: () => readFirst(directories, 'settings.json', parseSettings),
    memory: () => readFirst(directories, 'CLAUDE.md', parseMemoryFile),
    mcpServers: () => readFirst(directories, '.mcp.json', parseMcpServers),
    projects: () => listProjects(directories),
    project: (id) => findProject(directories, id),
    todoLists: () => todoLists.list(),
    plans: () => listPlans(directories),
    plan: (id) => findPlan(directories, id),
    forget: () => todoLists.forget(),
  };
}
