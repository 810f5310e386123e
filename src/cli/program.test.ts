import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { projectDirectory } from '#test-support';
import { withDefaultCommand } from './command-line.ts';
import { createProgram } from './program.ts';

const documentation = readFileSync(join(projectDirectory, 'docs/cli.md'), 'utf8');

/** Every command that can be run, with its full name: `db verify`. */
function commands(parent: Command, prefix = ''): { name: string; command: Command }[] {
  return parent.commands.flatMap((command) => {
    const name = `${prefix}${command.name()}`;
    return command.commands.length > 0 ? commands(command, `${name} `) : [{ name, command }];
  });
}

function usage({ name, command }: { name: string; command: Command }): string {
  return [
    `throughline ${name}`,
    ...command.registeredArguments.map((argument) => `<${argument.name()}>`),
  ].join(' ');
}

function sections(): Map<string, string> {
  const parts = documentation.split(/^### `(.+)`$/m);
  return new Map(
    parts.flatMap((part, index) => (index % 2 === 1 ? [[part, parts[index + 1] ?? ''] as const] : [])),
  );
}

describe('docs/cli.md', () => {
  it('describes every command and no other', () => {
    expect([...sections().keys()]).toEqual(commands(createProgram()).map(usage));
  });

  it('describes every option of every command and no other', () => {
    for (const entry of commands(createProgram())) {
      const described = [...(sections().get(usage(entry)) ?? '').matchAll(/^- `(.+?)`:/gm)].map(
        (match) => match[1],
      );
      expect([entry.name, described]).toEqual([
        entry.name,
        entry.command.options.map((option) => option.flags),
      ]);
    }
  });

  it('describes the options that every command understands', () => {
    const program = createProgram();
    for (const option of program.options) expect(documentation).toContain(option.long);
    expect(documentation).toContain('- `--config <file>`:');
  });
});

describe('the command line', () => {
  it.each([
    [[], ['up']],
    [
      ['--config', 'up.yaml'],
      ['up', '--config', 'up.yaml'],
    ],
    [['--config=up.yaml'], ['up', '--config=up.yaml']],
    [
      ['--config', 'a.yaml', 'status'],
      ['--config', 'a.yaml', 'status'],
    ],
    [
      ['tail', '-n', '5'],
      ['tail', '-n', '5'],
    ],
    [['--help'], ['--help']],
    [['-V'], ['-V']],
  ])('%j runs %j', (args, expected) => {
    expect(withDefaultCommand(args)).toEqual(expected);
  });
});
