/**
 * What Claude Code keeps beside its transcripts: settings, CLAUDE.md, MCP servers, projects, todo lists and plans, read
 * from the disk whenever somebody asks. Knows nothing about the API and the store, writes nothing, and never opens
 * `.credentials.json`, `.claude.json` or a key. What it gives away has its secrets masked.
 *
 * Read `claude-directory.ts` first; `list-files.ts` and `read-text.ts` say which files may be touched at all.
 */
export type { ClaudeDirectory } from './claude-directory.ts';
export { openClaudeDirectory } from './claude-directory.ts';
export type { McpServers } from './mcp-servers.ts';
export type { MemoryFile } from './memory-file.ts';
export type { Plan } from './plans.ts';
export type { Project, TranscriptFile } from './projects.ts';
export type { ReadOutcome } from './read-first.ts';
export type { Settings } from './settings.ts';
export type { Todo, TodoList } from './todo-lists.ts';
