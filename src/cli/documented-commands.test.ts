import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { projectDirectory } from '#test-support';
import { createProgram } from './program.ts';

/** Everything that people read and copy from: documents, examples, comments of scripts, help and messages. */
const patterns = [
  '*.md',
  'docs/**/*.md',
  'bench/*.md',
  'examples/**/*',
  'config.example.yaml',
  'Makefile',
  'run.sh',
];
const files = globSync(patterns, { cwd: projectDirectory, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(projectDirectory, join(entry.parentPath, entry.name)));
const sources = globSync('src/**/*.ts', { cwd: projectDirectory }).filter(
  (path) => !path.endsWith('.test.ts'),
);
const program = createProgram();

it('every command that a document or an example names exists, with the options it is given', () => {
  const named = files.flatMap((path) =>
    invocations(readFileSync(join(projectDirectory, path), 'utf8')).map((words) => ({ path, words })),
  );
  expect(named.length).toBeGreaterThan(60);
  expect(named.flatMap(({ path, words }) => problem(words, path))).toEqual([]);
});

it('every command that a message of ours names exists, with the options it is given', () => {
  const named = sources.flatMap((path) =>
    invocations(readFileSync(join(projectDirectory, path), 'utf8')).map((words) => ({ path, words })),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.flatMap(({ path, words }) => problem(words, path))).toEqual([]);
});

/** Words after `throughline` wherever it stands as a command: quoted, after a prompt, or with a colon before it. */
function invocations(text: string): string[][] {
  const calls = text.matchAll(
    /(?:^[ \t]*(?:\$ )?|[`"'(:] ?|exec |npx )(?:[\w./@$(){}%-]*\/)?throughline ((?:(?:--?)?[a-z][\w-]*(?:=\S+)?[ |]?){1,4})/gm,
  );
  return [...calls].map(([, words = '']) => words.trim().split(/[ |]+/));
}

/** Nothing, or what is wrong with it. Words that are no command end it: prose goes on, or an argument is meant. */
function problem(words: readonly string[], path: string): string[] {
  let command: Command = program;
  for (const word of words) {
    if (word.startsWith('-')) {
      const known = [...command.options, ...program.options].flatMap(({ short, long, flags }) => [
        short,
        long,
        ...flags.split(/[ ,]+/),
      ]);
      if (!known.includes(word.split('=')[0]) && word !== '--help' && word !== '-h')
        return [`${path}: throughline ${words.join(' ')}: no option ${word}`];
      continue;
    }
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined && command === program && word !== 'help')
      return [`${path}: throughline ${words.join(' ')}: no command ${word}`];
    if (next === undefined) return [];
    command = next;
  }
  return [];
}
