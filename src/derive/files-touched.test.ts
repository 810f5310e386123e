import { describe, expect, it } from 'vitest';
import { filesInAnswer } from './files-touched.ts';

const touched = (answer: object) =>
  filesInAnswer(answer as Record<string, unknown>).map(
    ({ tool, access, path }) => `${tool} ${access} ${path}`,
  );

describe('the files that an answer works on', () => {
  it('are the ones that its calls name, in any format', () => {
    expect(
      touched({
        content: [
          { type: 'text', text: '/not/a/call' },
          { type: 'tool_use', id: '1', name: 'Read', input: { file_path: '/a' } },
          { type: 'tool_use', id: '2', name: 'MultiEdit', input: { file_path: '/b', edits: [] } },
          { type: 'tool_use', id: '3', name: 'Grep', input: { pattern: 'x', path: '/c' } },
          { type: 'tool_use', id: '4', name: 'NotebookEdit', input: { notebook_path: '/d' } },
          { type: 'tool_use', id: '5', name: 'mcp__files__read_file', input: { path: '/e' } },
          { type: 'tool_use', id: '6', name: 'Bash', input: { command: 'cat /f' } },
        ],
      }),
    ).toEqual([
      'Read read /a',
      'MultiEdit write /b',
      'Grep search /c',
      'NotebookEdit write /d',
      'mcp__files__read_file read /e',
    ]);
    const chat = { id: 'c', type: 'function', function: { name: 'write_file', arguments: '{"path":"/g"}' } };
    expect(touched({ choices: [{ message: { tool_calls: [chat] } }] })).toEqual(['write_file write /g']);
  });

  it('are all those of a patch', () => {
    const patch =
      '*** Begin Patch\n*** Update File: src/a.ts\n@@\n-x\n+y\n*** Add File: src/b.ts\n*** End Patch';
    const call = { type: 'custom_tool_call', call_id: 'c', name: 'apply_patch', input: patch };
    expect(touched({ output: [call] })).toEqual(['apply_patch write src/a.ts', 'apply_patch write src/b.ts']);
  });

  it('are none where the input is not what a tool takes', () => {
    for (const input of [
      null,
      7,
      [],
      '',
      { file_path: 7 },
      { file_path: '' },
      { file_path: 'x'.repeat(5_000) },
    ])
      expect(touched({ content: [{ type: 'tool_use', id: '1', name: 'Read', input }] })).toEqual([]);
    expect(touched({ content: 'text', choices: 7, output: [null, 'x'] })).toEqual([]);
  });
});
