import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openClaudeDirectory } from './claude-directory.ts';

let root: string;
let home: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'throughline-claude-'));
  home = join(root, '.claude');
  await mkdir(home);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text: string, modifiedAtMs?: number): Promise<string> {
  const full = join(home, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, text);
  if (modifiedAtMs !== undefined) await utimes(full, modifiedAtMs / 1000, modifiedAtMs / 1000);
  return full;
}

const atMs = (day: number) => Date.UTC(2026, 0, day);
const line = (cwd: string) => `${JSON.stringify({ type: 'user', cwd })}\n`;

describe('settings, memory and MCP servers', () => {
  it('are absent, and say so, on a machine without Claude Code', async () => {
    const files = openClaudeDirectory([join(root, 'nowhere')]);
    const error = 'File not found or not readable';
    expect([await files.settings(), await files.memory(), await files.mcpServers()]).toEqual([
      { error },
      { error },
      { error },
    ]);
    expect(await files.projects()).toEqual([]);
    expect(await files.todoLists()).toEqual([]);
    expect(await files.plans()).toEqual([]);
  });

  it('come from the first directory that has them', async () => {
    const other = join(root, 'other');
    await mkdir(other);
    await writeFile(join(other, 'settings.json'), '{"model":"from-other"}');
    await put('settings.json', '{"model":"from-home"}');
    await put('CLAUDE.md', 'Be kind.');
    const files = openClaudeDirectory([other, home]);
    expect(await files.settings()).toMatchObject({ value: { model: 'from-other' } });
    expect(await files.memory()).toMatchObject({ value: { content: 'Be kind.' } });
  });

  it('group permissions and plugins', async () => {
    const allow = ['Bash(npm test)', 'mcp__files__read', 'Read(~/x)', 'WebSearch', 7];
    const enabledPlugins = { zeta: true, alpha: true, off: false };
    await put(
      'settings.json',
      JSON.stringify({ permissions: { defaultMode: 'plan', allow }, enabledPlugins }),
    );
    expect(await openClaudeDirectory([home]).settings()).toMatchObject({
      value: {
        model: null,
        defaultMode: 'plan',
        permissions: {
          bash: ['npm test'],
          mcp: ['mcp__files__read'],
          tools: ['Read(~/x)'],
          other: ['WebSearch'],
        },
        plugins: { enabled: ['alpha', 'zeta'], disabled: ['off'] },
      },
    });
  });

  it('give the places of sections in bytes, in their order', async () => {
    await put('CLAUDE.md', 'größe <memory>a</memory> <guidelines>b</guidelines><memory>c</memory>');
    expect(await openClaudeDirectory([home]).memory()).toMatchObject({
      value: {
        sections: [
          { name: 'memory', position: 8 },
          { name: 'guidelines', position: 27 },
        ],
      },
    });
  });

  it('I10: show no secret of settings and of MCP servers', async () => {
    const secret = 'hunter2-hunter2';
    await put('settings.json', JSON.stringify({ env: { API_KEY: secret }, apiKeyHelper: secret }));
    const servers = {
      zeta: { command: 'npx', args: ['--api-key', secret, '-y'], env: { KEY: secret } },
      alpha: { type: 'sse', url: `https://u:${secret}@example.com`, headers: { 'x-key': secret } },
    };
    await put('.mcp.json', JSON.stringify({ mcpServers: servers }));
    const files = openClaudeDirectory([home]);
    const shown = [await files.settings(), await files.mcpServers()];
    expect(JSON.stringify(shown)).not.toContain(secret);
    expect(shown[1]).toMatchObject({
      value: {
        servers: [
          { name: 'alpha', command: '', type: 'sse' },
          { name: 'zeta', command: 'npx', type: 'stdio', args: ['--api-key', '***REDACTED***', '-y'] },
        ],
      },
    });
  });

  it.each(['not JSON', '[1]', '"text"', '', '\u0000'])(
    'say that %j is not what they should be',
    async (text) => {
      await put('settings.json', text);
      expect(await openClaudeDirectory([home]).settings()).toEqual({
        error: 'settings.json is not a JSON object',
      });
    },
  );

  it('are read through a link to a file of the same kind, and through no other', async () => {
    await writeFile(join(root, 'dotfiles.json'), '{"model":"linked"}');
    await writeFile(join(root, 'secret.txt'), 'secret');
    await symlink(join(root, 'dotfiles.json'), join(home, 'settings.json'));
    await symlink(join(root, 'secret.txt'), join(home, 'CLAUDE.md'));
    await writeFile(join(home, '.credentials.json'), '{"mcpServers":{"secret":{}}}');
    await symlink(join(home, '.credentials.json'), join(home, '.mcp.json'));
    const files = openClaudeDirectory([home]);
    expect(await files.settings()).toMatchObject({ value: { model: 'linked' } });
    expect(await files.memory()).toHaveProperty('error');
    expect(await files.mcpServers()).toHaveProperty('error');
  });

  it('neither wait for a pipe nor read a directory or something endless', async () => {
    execFileSync('mkfifo', [join(home, 'settings.json')]);
    await mkdir(join(home, 'CLAUDE.md'));
    await put('.mcp.json', '');
    await truncate(join(home, '.mcp.json'), 5_000_000_000);
    const files = openClaudeDirectory([home]);
    expect(await files.settings()).toEqual({
      error: 'File not found or not readable: settings.json is not a plain file',
    });
    expect(await files.memory()).toHaveProperty('error');
    expect(await files.mcpServers()).toMatchObject({ error: expect.stringContaining('is larger than') });
  });
});

describe('projects', () => {
  it('I11: have the working directory that transcripts name, dashes and all', async () => {
    await put('projects/-home-me-my-app/one.jsonl', `{"type":"summary"}\n${line('/home/me/my-app')}`);
    expect(await openClaudeDirectory([home]).projects()).toMatchObject([
      { id: '-home-me-my-app', path: '/home/me/my-app', name: 'my-app', isPathKnown: true },
    ]);
  });

  it('prefer the directory that has this id over one that somebody went to', async () => {
    await put('projects/-home-me-a/one.jsonl', line('/somewhere/else') + line('/home/me/a'));
    expect(await openClaudeDirectory([home]).projects()).toMatchObject([{ path: '/home/me/a' }]);
  });

  it('are called by their id when no transcript tells', async () => {
    await put('projects/-home-me-b/one.jsonl', 'not json "cwd"\n{"cwd":""}\n{"cwd":7}\n');
    expect(await openClaudeDirectory([home]).projects()).toMatchObject([
      { path: '-home-me-b', isPathKnown: false },
    ]);
  });

  it('count sessions and agents in both layouts, the last used first', async () => {
    await put('projects/-a/s1.jsonl', line('/a'), atMs(1));
    await put('projects/-a/agent-1234567.jsonl', line('/a'), atMs(2));
    await put('projects/-a/s1/subagents/agent-abc.jsonl', line('/a'), atMs(3));
    await put('projects/-a/s1/subagents/agent-abc.meta.json', '{}');
    await put('projects/-a/memory/deep/MEMORY.md', 'not counted');
    await put('projects/-b/s2.jsonl', line('/b'), atMs(4));
    const [b, a] = await openClaudeDirectory([home]).projects();
    expect([b?.id, b?.transcripts.length, b?.modifiedAtMs]).toEqual(['-b', 1, atMs(4)]);
    expect([a?.fileCount, a?.modifiedAtMs]).toEqual([4, atMs(3)]);
    expect(a?.transcripts.map(({ id, file, isAgent }) => ({ id, file, isAgent }))).toEqual([
      { id: 'agent-abc', file: 's1/subagents/agent-abc.jsonl', isAgent: true },
      { id: 'agent-1234567', file: 'agent-1234567.jsonl', isAgent: true },
      { id: 's1', file: 's1.jsonl', isAgent: false },
    ]);
  });

  it.each(['..', '.', '../..', '/etc', 'projects', '-a/../../secret', '', '-A\u0000', '__proto__'])(
    'are not found by the id %j',
    async (id) => {
      await put('projects/-a/s1.jsonl', line('/a'));
      await put('secret/s.jsonl', line('/secret'));
      expect(await openClaudeDirectory([home]).project(id)).toBeUndefined();
    },
  );

  it('end at links and at what is no plain file', async () => {
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'outside', 'secret.jsonl'), line('/secret'));
    await put('projects/-a/s1.jsonl', line('/a'));
    await symlink(join(root, 'outside'), join(home, 'projects', '-outside'));
    await symlink(join(root, 'outside', 'secret.jsonl'), join(home, 'projects', '-a', 'linked.jsonl'));
    execFileSync('mkfifo', [join(home, 'projects', '-a', 'pipe.jsonl')]);
    const projects = await openClaudeDirectory([home]).projects();
    expect(projects.map(({ id, fileCount }) => [id, fileCount])).toEqual([['-a', 1]]);
  });

  it('of several directories are one when they have one id', async () => {
    const other = join(root, 'other');
    await mkdir(join(other, 'projects', '-a'), { recursive: true });
    await writeFile(join(other, 'projects', '-a', 's2.jsonl'), line('/a'));
    await put('projects/-a/s1.jsonl', line('/a'));
    const project = await openClaudeDirectory([home, other]).project('-a');
    expect(project?.transcripts.map(({ id }) => id).sort()).toEqual(['s1', 's2']);
  });
});

describe('todo lists', () => {
  const todo = (content: string, status = 'pending') => ({ content, status, activeForm: `${content}…` });

  it('I12: are told apart by agent, and an emptied one is empty', async () => {
    const own = await put('todos/s1-agent-s1.json', JSON.stringify([todo('own')]), atMs(1));
    await put('todos/s1-agent-a1.json', JSON.stringify([todo('of the agent', 'completed')]), atMs(2));
    const files = openClaudeDirectory([home]);
    const shown = (await files.todoLists()).map(({ sessionId, agentId, todos }) => [
      sessionId,
      agentId,
      todos,
    ]);
    expect(shown).toEqual([
      ['s1', 'a1', [todo('of the agent', 'completed')]],
      ['s1', 's1', [todo('own')]],
    ]);
    await writeFile(own, '[]');
    expect((await files.todoLists()).find(({ agentId }) => agentId === 's1')?.todos).toEqual([]);
    await rm(own);
    expect(await files.todoLists()).toHaveLength(1);
  });

  it('without an agent in their name belong to the session', async () => {
    await put('todos/plain.json', '[{"content":"x","status":"pending"}]');
    expect(await openClaudeDirectory([home]).todoLists()).toMatchObject([
      { sessionId: 'plain', agentId: '', todos: [{ content: 'x', activeForm: '' }] },
    ]);
  });

  it('of newer versions have a file for each thing to do, in the order of their numbers', async () => {
    await put('tasks/s7/10.json', '{"id":"10","subject":"last","status":"pending"}');
    await put('tasks/s7/2.json', '{"subject":"second","status":"in_progress","activeForm":"Doing it"}');
    await put('tasks/s7/1.json', '{"subject":"first","status":"completed","description":"in many words"}');
    await put('tasks/s7/3.json', '{"subject":');
    await put('tasks/s7/notes.json', '{"subject":"none of them"}');
    await put('tasks/s8/1.json', '[]');
    const lists = await openClaudeDirectory([home]).todoLists();
    const bySession = new Map(lists.map((list) => [list.sessionId, list]));
    expect(bySession.get('s7')).toMatchObject({
      agentId: '',
      todos: [
        { content: 'first', status: 'completed', activeForm: '' },
        { content: 'second', status: 'in_progress', activeForm: 'Doing it' },
        { content: 'last', status: 'pending' },
      ],
    });
    expect(bySession.get('s8')).toMatchObject({ todos: [], error: 'has no task that can be read' });
  });

  it('say why they have nothing when the file is broken', async () => {
    await put('todos/a.json', '{"no":"list"}');
    await put('todos/b.json', '[{"content":');
    await put('todos/c.json', '[7,null,{"content":"kept"}]');
    const lists = await openClaudeDirectory([home]).todoLists();
    const bySession = new Map(lists.map((list) => [list.sessionId, list]));
    expect(bySession.get('a')).toMatchObject({ todos: [], error: 'is not a list' });
    expect(bySession.get('b')).toMatchObject({ todos: [], error: 'is not JSON' });
    expect(bySession.get('c')?.todos).toEqual([{ content: 'kept', status: '', activeForm: '' }]);
  });
});

describe('plans', () => {
  it('have a name, a preview cut between characters, and the newest first', async () => {
    await put('plans/old-one.md', 'short', atMs(1));
    await put('plans/brave-little-plan.md', '😀'.repeat(201), atMs(2));
    const plans = await openClaudeDirectory([home]).plans();
    expect(plans.map(({ displayName, fileName }) => [displayName, fileName])).toEqual([
      ['Brave Little Plan', 'brave-little-plan.md'],
      ['Old One', 'old-one.md'],
    ]);
    expect(plans.map(({ preview }) => preview)).toEqual([`${'😀'.repeat(200)}...`, 'short']);
  });

  it('I12: keep their id when the text changes and others come and go', async () => {
    await put('plans/kept.md', 'first');
    await put('plans/gone.md', 'x');
    const files = openClaudeDirectory([home]);
    const id = (await files.plans()).find(({ fileName }) => fileName === 'kept.md')!.id;
    await rm(join(home, 'plans', 'gone.md'));
    await put('plans/kept.md', 'second');
    files.forget();
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(await files.plan(id)).toMatchObject({ plan: { id, fileName: 'kept.md' }, content: 'second' });
    expect(await files.plan(id + 1)).toBeUndefined();
  });
});
