import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { ResolvedConfig } from '#config';
import { acquireProcessLock, type ProcessLock } from '#generation';
import { deleteStore } from '#store';
import { readOrphans } from '#supervisor';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { print } from './output.ts';
import { readConfig } from './read-config.ts';

/**
 * Deletes the database, everything derived from it, the archive of transcripts and the journal, after asking, while nothing runs. The locks of all services are held
 * meanwhile, so none can start in the middle. Configuration, access token and backups stay.
 */
export async function resetDatabase(options: GlobalOptions & { readonly yes?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const release = await lockEverything(config);
  try {
    if (!(await isConfirmed(config, options.yes === true)))
      throw new CliError(exitCodes.failed, 'nothing was deleted');
    deleteStore(config.recorder.store);
    deleteJournal(config.recorder.journalDirectory);
    // Notes about what the journal must not bring back: there is no journal any more.
    rmSync(join(config.dataDir, 'deleted'), { recursive: true, force: true });
    print(
      `Deleted the database ${config.recorder.store.path}, its index and archive of transcripts, and the journal ${config.recorder.journalDirectory}.`,
    );
  } finally {
    release();
  }
}

async function lockEverything(config: ResolvedConfig): Promise<() => void> {
  const run = join(config.dataDir, 'run');
  mkdirSync(run, { recursive: true, mode: 0o700 });
  mkdirSync(config.recorder.journalDirectory, { recursive: true, mode: 0o700 });
  const paths = ['core', 'data', 'recorder'].map((service) => join(run, `${service}.lock`));
  const held: ProcessLock[] = [];
  const release = () => {
    for (const lock of held.splice(0)) lock.release();
  };
  for (const path of [...paths, join(config.recorder.journalDirectory, 'recorder.lock')]) {
    const result = await acquireProcessLock(path);
    if (result.kind === 'held') {
      held.push(result.lock);
      continue;
    }
    release();
    throw stillRunning(result.heldBy, result.isElsewhere);
  }
  // Services whose supervisor died run on, and their locks are free until there is another one.
  const [orphan] = readOrphans(config.dataDir);
  if (orphan === undefined) return release;
  release();
  throw stillRunning(orphan.pid);
}

function stillRunning(pid: number, isElsewhere = false): CliError {
  return new CliError(
    exitCodes.failed,
    `Throughline is running (pid ${pid}${isElsewhere ? ' of another container' : ''})`,
    `End it first: throughline stop${isElsewhere ? ', where it runs' : ''}`,
  );
}

async function isConfirmed(config: ResolvedConfig, saysYes: boolean): Promise<boolean> {
  if (saysYes || process.env.FORCE === '1') return true;
  if (!process.stdin.isTTY) {
    throw new CliError(
      exitCodes.usage,
      'this deletes every recorded request and cannot ask here',
      'Add --yes if you mean it.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    `Delete every recorded request in ${config.recorder.store.path} and the archive of transcripts beside it? Type yes: `,
  );
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

/** Only what a journal consists of: the directory is configurable and may hold other things. */
function deleteJournal(directory: string): void {
  rmSync(join(directory, 'ballast'), { force: true });
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const core = join(directory, entry.name);
    const segments = readdirSync(core).filter((name) => /^\d{8}\.seg$/.test(name));
    for (const segment of segments) rmSync(join(core, segment), { force: true });
    if (segments.length > 0 && readdirSync(core).length === 0) rmdirSync(core);
  }
}
