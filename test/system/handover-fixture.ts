import { execFileSync } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type RunState, readRunStates } from '#supervisor';
import {
  listStored,
  makeTempDir,
  ownCli,
  projectDirectory,
  recordFaults,
  startNode,
  type TempDir,
  type Throughline,
  type Witnessed,
  waitFor,
} from '#test-support';

/** For tests of replacements: what runs, the command line beside it, other releases, and what has to be stored. */

/** What the supervisor in charge wrote last. */
export function stateOf(throughline: Throughline): RunState {
  return readRunStates(throughline.dataDir)[0]!;
}

/** Runs the command line with the configuration of this Throughline: of this tree and this Node, or of others. */
export async function runCommand(
  { home }: Throughline,
  args: readonly string[],
  { cli = ownCli, node }: { readonly cli?: string; readonly node?: string } = {},
) {
  const command = startNode(cli, [...args, '--config', home.configFile], {
    env: { ...home.env, DATA_DIR: home.dataDir },
    cwd: home.path,
    input: '',
    ...(node === undefined ? {} : { node }),
  });
  const { code } = await command.exited;
  await waitFor(
    () => command.child.stdout?.readableEnded !== false && command.child.stderr?.readableEnded !== false,
  );
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

/** Every exchange is stored once; the bytes are compared for some of them, because reading each takes long. */
export async function expectStored(throughline: Throughline, seen: readonly Witnessed[]): Promise<void> {
  const markers = seen.map(({ marker }) => marker).sort();
  const stored = async () => (await listStored(throughline)).map(({ sessionId }) => sessionId ?? '').sort();
  await waitFor(async () => (await stored()).length >= markers.length, {
    timeoutMs: 60_000,
    intervalMs: 250,
  });
  expect(await stored()).toEqual(markers);
  const some = seen.filter(({ marker }, index) => marker.startsWith('long') || index % 20 === 0);
  expect(await recordFaults(throughline, some, 60_000)).toEqual([]);
}

/** Another release: a copy of this one in a directory of its own, which a test may change. */
export function copyRelease(): TempDir & { readonly cli: string } {
  const dir = makeTempDir('release');
  for (const name of ['src', 'package.json'])
    cpSync(join(projectDirectory, name), dir.join(name), { recursive: true });
  symlinkSync(join(projectDirectory, 'node_modules'), dir.join('node_modules'));
  return { ...dir, cli: dir.join('src/cli/main.ts') };
}

/** The Node of a major version, installed when it is missing. */
export function nodeOf(major: number): string {
  const script = join(projectDirectory, 'scripts/toolchain');
  return join(execFileSync(script, ['node', String(major)], { encoding: 'utf8' }).trim(), 'node');
}
