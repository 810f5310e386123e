import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '#test-support';
import { AgentNames } from './agent-names.ts';

let claude: TempDir;
beforeEach(() => {
  claude = makeTempDir('agents');
});
afterEach(() => claude.remove());

function write(session: string, agent: string, text: string): void {
  const directory = join(claude.path, 'projects', '-home-me', session, 'subagents');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `agent-${agent}.meta.json`), text);
}

describe('the name of a subagent', () => {
  it('is found in any of the directories, and remembered when its file is gone', async () => {
    write('s1', 'a1', '{"agentType":"reviewer"}');
    const names = new AgentNames([claude.join('not-there'), claude.path]);
    expect(await names.find('s1', 'a1')).toBe('reviewer');
    claude.remove();
    expect(await names.find('s1', 'a1')).toBe('reviewer');
  });

  it('is found when its file comes a moment after the request', async () => {
    const names = new AgentNames([claude.path]);
    const name = names.find('s1', 'a1');
    write('s1', 'a1', '{"agentType":"late"}');
    expect(await name).toBe('late');
  });

  it('is nothing when nobody tells it, when the file is no JSON, and for a client that is no subagent', async () => {
    write('s1', 'broken', '{"agentType":');
    const names = new AgentNames([claude.path]);
    const all = [
      names.find('s1', 'none'),
      names.find('s1', 'broken'),
      names.find('s1', undefined),
      names.find(undefined, 'a1'),
    ];
    expect(await Promise.all(all)).toEqual([null, null, null, null]);
  });

  it('is never looked for outside of the directory, whatever the client calls itself', async () => {
    write('s1', 'a1', '{"agentType":"reviewer"}');
    const names = new AgentNames([claude.path]);
    expect(await names.find('../-home-me/s1', 'a1')).toBeNull();
    expect(await names.find('s1', 'x/../a1')).toBeNull();
  });
});
