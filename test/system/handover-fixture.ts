import { execFileSync } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type RunState, readRunStates } from '#supervisor';
import {
  type FakeProvider,
  listStored,
  makeTempDir,
  ownCli,
  projectDirectory,
  recordFaults,
  startFakeProvider,
  startNode,
  startThroughline,
  type TempDir,
  type Throughline,
  type Witnessed,
  waitFor,
  witnessedAnswer,
} from '#test-support';

/** For tests of replacements: what runs, the command line beside it, other releases, and what has to be stored. */

export interface WitnessedThroughline {
  readonly provider: FakeProvider;
  readonly throughline: Throughline;
  close(): Promise<void>;
}

/**
 * Throughline with a provider for `StrictClients`.
 * @param longPauseMsMax between two events in a session whose name begins with `long`; the others are short
 * @param node that runs it; absent = this one
 */
export async function startWitnessed({
  longPauseMsMax = 2_500,
  ...settings
}: {
  readonly longPauseMsMax?: number;
  readonly node?: string;
} = {}): Promise<WitnessedThroughline> {
  const provider = await startFakeProvider();
  provider.respondWith((request) => {
    const isLong = request.header('x-claude-code-session-id')?.startsWith('long') === true;
    return witnessedAnswer(request, isLong ? longPauseMsMax : 4);
  });
  const throughline = await startThroughline({ providerOrigin: provider.origin, ...settings });
  return {
    provider,
    throughline,
    close: async () => {
      await throughline.stop();
      await provider.close();
    },
  };
}

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
