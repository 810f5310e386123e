import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '#test-support';
import { type AgentClues, AgentNames } from './agent-names.ts';

const prompt =
  'You read code that others wrote.\n\n---\n\nSay what is wrong with it, file by file, and nothing else.';

let claude: TempDir;
beforeEach(() => {
  claude = makeTempDir('agents');
});
afterEach(() => claude.remove());

const marks = (sessionId: string, agentId: string) => ({ sessionId, agentId });
// Longer than a busy machine needs; what finds nothing ends long before.
const names = (waitMs = 20_000) => new AgentNames([claude.path], { waitMs });

function write(text: string, ...path: string[]): string {
  const file = join(claude.path, ...path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const metaPath = (session: string, agent: string) => [
  ...['projects', '-home-me', session, 'subagents', `agent-${agent}.meta.json`],
];
const writeMeta = (session: string, agent: string, text: string) => write(text, ...metaPath(session, agent));
const clues = (more: Partial<AgentClues>) => async (): Promise<AgentClues> => ({
  systemTexts: [],
  firstTexts: [],
  ...more,
});
const asAgent = (text: string) => clues({ systemTexts: ['a mark', `${text}\n\nYou are in /home/me.`] });

describe('the name of a subagent', () => {
  it('is found in any of the directories, and remembered when its file is gone', async () => {
    writeMeta('s1', 'a1', '{"agentType":"reviewer"}');
    const both = new AgentNames([claude.join('not-there'), claude.path], { waitMs: 20_000 });
    expect(await both.find(marks('s1', 'a1'))).toBe('reviewer');
    claude.remove();
    expect(await both.find(marks('s1', 'a1'))).toBe('reviewer');
  });

  it('is found when its file comes a moment after the request', async () => {
    const name = names().find(marks('s1', 'a1'));
    writeMeta('s1', 'a1', '{"agentType":"late"}');
    expect(await name).toBe('late');
  });

  it('is nothing when nobody tells it, when the file is no JSON, and for a client that is no subagent', async () => {
    writeMeta('s1', 'broken', '{"agentType":');
    const found = names();
    const all = [marks('s1', 'none'), marks('s1', 'broken'), { sessionId: 's1' }, { agentId: 'a1' }];
    expect(await Promise.all(all.map((each) => found.find(each)))).toEqual([null, null, null, null]);
  });

  it('is not waited for longer than the limit, however many projects there are', async () => {
    for (let n = 0; n < 1_000; n++) mkdirSync(claude.join(`projects/${n}`), { recursive: true });
    write('{"agentType":"reviewer"}', 'projects', '-zzz', 's1', 'subagents', 'agent-a1.meta.json');
    expect(await names(0).find(marks('s1', 'a1'))).toBeNull();
    expect(await names().find(marks('s1', 'a1'))).toBe('reviewer');
  });

  it('is never looked for outside of the directory, whatever the client calls itself', async () => {
    writeMeta('s1', 'a1', '{"agentType":"reviewer"}');
    expect(await names().find(marks('../-home-me/s1', 'a1'))).toBeNull();
    expect(await names().find(marks('s1', 'x/../a1'))).toBeNull();
  });

  it('is what the parent called it, where the prompt is what the user says first', async () => {
    const call = (type: string | undefined, asked: string) =>
      JSON.stringify({
        type: 'assistant',
        message: {
          role: 'assistant',
          content: [{ type: 'tool_use', name: 'Agent', input: { subagent_type: type, prompt: asked } }],
        },
      });
    const lines = [
      call('older', 'Do it.'),
      call('painter', 'Do it.'),
      'no json "tool_use" "Agent"',
      call(undefined, 'Find it.'),
    ];
    write(`${lines.join('\n')}\n`, 'projects', '-home-me', 's1.jsonl');
    write(`${call('nested', 'Go deeper.')}\n`, 'projects', '-home-me', 's1', 'subagents', 'agent-a0.jsonl');
    const said = (text: string) => clues({ firstTexts: ['<context>', text] });
    expect(await names().find(marks('s1', 'a1'), said('Do it.\n'))).toBe('painter');
    expect(await names().find(marks('s1', 'a2'), said('Find it.'))).toBe('general-purpose');
    const nested = { ...marks('s1', 'a3'), parentAgentId: 'a0' };
    expect(await names().find(nested, said('Go deeper.'))).toBe('nested');
    expect(await names().find(marks('s1', 'a4'), said('Do it, or else.'))).toBeNull();
  });
});

describe('the definition of an agent', () => {
  it('P13: is found by its prompt in a system prompt of any number of blocks, with whatever stands behind it', async () => {
    write(`---\nname: reader\n---\n${prompt}\n`, 'agents', 'reader.md');
    for (const systemTexts of [
      [prompt],
      ['mark', 'identity', `${prompt}\n\n# Environment\n…`],
      [`Before: ${prompt} After.`],
    ])
      expect(await names().find(marks('s1', 'a1'), clues({ systemTexts }))).toBe('reader');
    expect(await names().find(marks('s1', 'a1'), clues({ systemTexts: [prompt.slice(0, -20)] }))).toBeNull();
  });

  it('P14: has a prompt with rules in it, line ends of any kind, and a name in quotes', async () => {
    write(
      `---\r\nname: "quoted"\r\ndescription: >-\r\n  --- not an end\r\n---\r\n\r\n${prompt.replaceAll('\n', '\r\n')}\r\n`,
      'agents',
      'file.md',
    );
    expect(await names().find(marks('s1', 'a1'), asAgent(prompt))).toBe('quoted');
  });

  it('P14: is read again when its file has changed, without a restart', async () => {
    const file = write(`---\nname: first\n---\n${prompt}`, 'agents', 'a.md');
    const found = names();
    expect(await found.find(marks('s1', 'a1'), asAgent(prompt))).toBe('first');
    writeFileSync(file, `---\nname: again\n---\n${prompt}`);
    utimesSync(file, 1_000, 1_000);
    expect(await found.find(marks('s1', 'a2'), asAgent(prompt))).toBe('again');
    rmSync(file);
    expect(await found.find(marks('s1', 'a3'), asAgent(prompt))).toBeNull();
  });

  it('P14: of the project in which the session runs comes before one of the user', async () => {
    write(`---\nname: of-the-user\n---\n${prompt}`, 'agents', 'a.md');
    const project = claude.join('work/shop');
    write(`---\nname: of-the-project\n---\n${prompt}`, 'work', 'shop', '.claude', 'agents', 'a.md');
    write(
      `{"type":"mode"}\n{"type":"user","cwd":${JSON.stringify(join(project, 'src'))}}\n`,
      'projects',
      '-x',
      's1.jsonl',
    );
    expect(await names().find(marks('s1', 'a1'), asAgent(prompt))).toBe('of-the-project');
    expect(await names().find(marks('s2', 'a1'), asAgent(prompt))).toBe('of-the-user');
  });

  it('P15: with the longest prompt decides, and of equal ones the first in order', async () => {
    write(`---\nname: short\n---\nYou read code`, 'agents', 'a.md');
    write(`---\nname: second\n---\n${prompt}`, 'agents', 'c.md');
    write(`---\nname: first\n---\n${prompt}`, 'agents', 'b.md');
    expect(await names().find(marks('s1', 'a1'), asAgent(prompt))).toBe('first');
  });

  it('names the agents of an old Claude Code, which says nothing about them in its head', async () => {
    write(`---\nname: reader\n---\n${prompt}`, 'agents', 'a.md');
    expect(await names().find({}, asAgent(prompt))).toBe('reader');
    expect(await names().find({}, asAgent('You are somebody else.'))).toBeNull();
  });

  it('is not waited for and not read when it is a pipe, a device, a directory or too large', async () => {
    mkdirSync(claude.join('agents/directory.md'), { recursive: true });
    for (const pipe of ['agents/pipe.md', 'pipe'])
      expect(spawnSync('mkfifo', [claude.join(pipe)]).status).toBe(0);
    symlinkSync('/dev/zero', claude.join('agents/zero.md'));
    symlinkSync(claude.join('pipe'), claude.join('agents/link.md'));
    write(`---\nname: large\n---\n${prompt}${' '.repeat(300_000)}`, 'agents', 'large.md');
    const meta = writeMeta('s1', 'a1', '');
    rmSync(meta);
    renameSync(claude.join('pipe'), meta);
    write(`---\nname: reader\n---\n${prompt}`, 'agents', 'sane.md');
    expect(await names().find(marks('s1', 'a1'), asAgent(prompt))).toBe('reader');
  });
});
