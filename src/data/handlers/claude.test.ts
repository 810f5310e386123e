import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExampleClaudeDirectory, exampleClaudeDirectory } from '../testing/example-claude-directory.ts';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
let directory: ExampleClaudeDirectory;
beforeAll(async () => {
  directory = await exampleClaudeDirectory();
  server = await runServer({ claudeDirs: [directory.path] });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const claude = (path: string) => `/api/v2/claude/${path}`;

describe('/api/v2/claude', () => {
  it('has null and empty lists while there is nothing', async () => {
    await using empty = await runServer();
    expect(await empty.json(claude('config'))).toEqual({
      settings: null,
      settings_error: 'File not found or not readable',
      claude_md: null,
      claude_md_error: 'File not found or not readable',
      mcp_config: null,
      mcp_config_error: 'File not found or not readable',
    });
    expect(await empty.json(claude('projects'))).toEqual({ projects: [], total_count: 0, total_size: 0 });
    expect(await empty.json(claude('todos'))).toMatchObject({
      sessions: [],
      total_files: 0,
      non_empty_files: 0,
    });
    expect(await empty.json(claude('plans'))).toMatchObject({ plans: [], total_count: 0, total_size: 0 });
  });

  it('I10: shows settings, CLAUDE.md and MCP servers without their secrets', async () => {
    await directory.put('settings.json', {
      model: 'opus',
      permissions: { defaultMode: 'plan', allow: ['Bash(ls)'] },
      env: { SOME_KEY: 'hunter2-hunter2' },
    });
    await directory.put('CLAUDE.md', '<memory>x</memory>');
    await directory.put('.mcp.json', {
      mcpServers: { files: { command: 'npx', env: { K: 'hunter2-hunter2' } } },
    });
    const config = await server.json(claude('config'));
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(config).toEqual({
      settings: {
        model: 'opus',
        default_mode: 'plan',
        permissions: { bash: ['ls'], tools: [], mcp: [], other: [] },
        plugins: { enabled: [], disabled: [] },
        raw: {
          model: 'opus',
          permissions: { defaultMode: 'plan', allow: ['Bash(ls)'] },
          env: { SOME_KEY: '***REDACTED***' },
        },
      },
      claude_md: { content: '<memory>x</memory>', sections: [{ name: 'memory', position: 0 }] },
      mcp_config: {
        servers: [{ name: 'files', command: 'npx', type: 'stdio' }],
        raw: { mcpServers: { files: { command: 'npx', env: { K: '***REDACTED***' } } } },
      },
    });
  });

  it('I11: lists projects under their real paths, and each with its transcripts', async () => {
    const line = '{"type":"user","cwd":"/home/me/my-app"}\n';
    await directory.put('projects/-home-me-my-app/s1.jsonl', line, 2);
    await directory.put('projects/-home-me-my-app/s1/subagents/agent-a.jsonl', line, 3);
    const facts = {
      id: '-home-me-my-app',
      name: 'my-app',
      path: '/home/me/my-app',
      path_known: true,
      session_count: 1,
      agent_count: 1,
      file_count: 2,
      total_size: 2 * line.length,
      last_modified: '2026-01-03T00:00:00.000Z',
    };
    expect(await server.json(claude('projects'))).toEqual({
      projects: [{ ...facts, created: expect.stringMatching(/^\d{4}-.*Z$/) }],
      total_count: 1,
      total_size: 2 * line.length,
    });
    expect(await server.json(claude('projects/-home-me-my-app'))).toEqual({
      ...facts,
      sessions: [
        {
          id: 'agent-a',
          file: 's1/subagents/agent-a.jsonl',
          is_agent: true,
          size: line.length,
          modified: '2026-01-03T00:00:00.000Z',
        },
        {
          id: 's1',
          file: 's1.jsonl',
          is_agent: false,
          size: line.length,
          modified: '2026-01-02T00:00:00.000Z',
        },
      ],
      size_breakdown: { sessions: line.length, agents: line.length },
    });
    const missing = await server.get(claude('projects/-home-me'));
    expect([missing.status, await missing.json()]).toEqual([
      404,
      { error: 'Project not found', code: 'not-found' },
    ]);
  });

  it('I12: keeps the todo lists of a session and its agents apart', async () => {
    const own = await directory.put(
      'todos/s1-agent-s1.json',
      [{ content: 'a', status: 'pending', activeForm: 'A' }],
      1,
    );
    await directory.put('todos/s1-agent-x.json', [{ content: 'b', status: 'completed', activeForm: 'B' }], 2);
    await directory.put('todos/s2-agent-s2.json', '[]', 3);
    expect(await server.json(claude('todos'))).toMatchObject({
      sessions: [
        { session_uuid: 's2', agent_uuid: 's2', todo_count: 0, file_size: 2 },
        { session_uuid: 's1', agent_uuid: 'x', completed_count: 1, todo_count: 1 },
        {
          session_uuid: 's1',
          agent_uuid: 's1',
          pending_count: 1,
          in_progress_count: 0,
          completed_count: 0,
          file_path: own,
          modified_at: '2026-01-01T00:00:00.000Z',
        },
      ],
      total_files: 3,
      non_empty_files: 2,
      status_breakdown: { pending: 1, in_progress: 0, completed: 1 },
      last_indexed: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    });
    const [ownTodo, agentTodo] = [
      [{ content: 'a', status: 'pending', active_form: 'A' }],
      [{ content: 'b', status: 'completed', active_form: 'B' }],
    ];
    expect(await server.json(claude('todos/s1'))).toMatchObject({
      agent_uuid: 's1',
      todos: ownTodo,
      lists: [
        { agent_uuid: 'x', todos: agentTodo },
        { agent_uuid: 's1', todos: ownTodo },
      ],
    });
    expect(await server.json(claude('todos/s1?agent=x'))).toMatchObject({
      agent_uuid: 'x',
      todos: agentTodo,
    });
    expect(await server.json(claude('todos/s2'))).toMatchObject({ todos: [] });
    for (const path of ['todos/unknown', 'todos/s1?agent=unknown']) {
      const missing = await server.get(claude(path));
      expect([missing.status, await missing.json()]).toMatchObject([404, { error: 'Session not found' }]);
    }
  });

  it('reads all todo lists and plans anew when it is told to, and only when that was meant', async () => {
    const broken = await directory.put('todos/broken.json', '[{"');
    expect((await server.get(claude('todos/reindex'), { method: 'POST' })).status).toBe(400);
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    expect(await server.json(claude('todos/reindex'), init)).toEqual({
      files_processed: 4,
      todos_indexed: 2,
      plans_indexed: 0,
      errors: [`${broken}: is not JSON`],
      duration: expect.stringMatching(/^\d+\.\d\d(?:ms|s)$/),
    });
  });

  it('lists plans, gives one by its number, and says which numbers are none', async () => {
    await directory.put('plans/brave-plan.md', '# Brave', 4);
    const list = (await server.json(claude('plans'))) as { plans: { id: number }[] };
    const facts = {
      id: list.plans[0]!.id,
      display_name: 'Brave Plan',
      file_name: 'brave-plan.md',
      file_size: 7,
      modified_at: '2026-01-04T00:00:00.000Z',
    };
    expect(list).toMatchObject({ plans: [{ ...facts, preview: '# Brave' }], total_count: 1, total_size: 7 });
    expect(await server.json(claude(`plans/${facts.id}`))).toEqual({ ...facts, content: '# Brave' });
    for (const [id, status, error] of [
      ['brave-plan.md', 400, 'Invalid plan ID'],
      ['-1', 400, 'Invalid plan ID'],
      ['1', 404, 'Plan not found'],
    ] as const) {
      const answer = await server.get(claude(`plans/${id}`));
      expect([answer.status, await answer.json()]).toMatchObject([status, { error }]);
    }
  });
});
