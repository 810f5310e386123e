import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ResolvedConfig } from '#config';
import { prepareProcess } from '#generation';
import { type ImportProgress, importHistory, LegacyDatabase, LegacyDatabaseError } from '#import';
import { fingerprintHeaders } from '#journal/write';
import { openStore, type Store } from '#store';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { note, print, printable, printJson } from './output.ts';
import { prepareDataDir } from './prepare-data-dir.ts';
import { readConfig } from './read-config.ts';

/** How long a database that something else holds locked is waited for. */
const patienceMs = 60_000;

/** Brings the history of the system before Throughline in, whether the services run or not. */
export async function importDatabase(
  file: string,
  options: GlobalOptions & { readonly dryRun?: true; readonly json?: true },
): Promise<void> {
  prepareProcess();
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile())
    throw new CliError(
      exitCodes.notFound,
      `there is no file ${path}`,
      'Name the requests.db of the system before.',
    );
  const { config } = await readConfig(options);
  const database = openLegacy(path);
  let store: Store | undefined;
  try {
    if (!options.dryRun) {
      await prepareDataDir(config);
      store = await openStore(config.recorder.store, { role: 'writer' });
    }
    const key = fingerprintKey(config);
    const fingerprint = (headers: readonly string[]) => fingerprintHeaders(headers, key);
    const startedAt = performance.now();
    let last: ImportProgress | undefined;
    for await (const progress of importHistory(database, store, { fingerprint, patienceMs })) {
      last = progress;
      showProgress(progress, performance.now() - startedAt);
    }
    clearProgress();
    if (last !== undefined) report(path, last, options);
  } finally {
    database.close();
    await store?.close();
  }
}

function openLegacy(path: string): LegacyDatabase {
  try {
    return new LegacyDatabase(path);
  } catch (error) {
    if (error instanceof LegacyDatabaseError) throw new CliError(exitCodes.failed, error.message);
    throw error;
  }
}

/** The same secret gives the same fingerprint as in what core recorded, where core's key is there. */
function fingerprintKey(config: ResolvedConfig): string {
  try {
    return readFileSync(join(config.dataDir, 'secret'), 'utf8').trim();
  } catch {
    return randomBytes(32).toString('hex');
  }
}

function report(
  path: string,
  { rows, stored, known, unreadable, complaints }: ImportProgress,
  { dryRun, json }: { readonly dryRun?: true; readonly json?: true },
): void {
  if (json) {
    printJson({ v: 1, file: path, dryRun: dryRun === true, rows, stored, known, unreadable, complaints });
    return;
  }
  const verb = dryRun ? 'Would import' : 'Imported';
  print(`${verb} ${stored} of ${rows} requests from ${printable(path)}.`);
  if (known > 0) print(`${known} were there already.`);
  if (unreadable === 0) return;
  print(`${unreadable} could not be understood and were left out:`);
  for (const complaint of complaints) print(`  ${printable(complaint)}`);
}

/** On a terminal only: one line that is written over. */
function showProgress({ rows, total }: ImportProgress, elapsedMs: number): void {
  if (!process.stderr.isTTY || rows === 0) return;
  const perSecond = rows / (elapsedMs / 1000);
  const leftSeconds = Math.ceil((total - rows) / perSecond);
  process.stderr.write(
    `\r\u001b[K${rows} of ${total} requests, ${perSecond.toFixed(0)}/s, ${leftSeconds} s left`,
  );
}

function clearProgress(): void {
  if (process.stderr.isTTY) note('\r\u001b[K');
}
