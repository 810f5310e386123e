import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataHealth } from '#api';
import type { ResolvedConfig } from '#config';
import { readProcessLock } from '#generation';
import { type DerivedStore, derivedFiles, openDerivedStore, StoreError } from '#store';
import { getJson } from './api-client.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { withStore } from './open-store.ts';
import { print, printable, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

/** How far statistics and search are, as the files say; what works on them adds its pace. */
interface DerivedStatus {
  readonly v: 1;
  readonly path: string;
  readonly bytes: number;
  /** What is served was derived in this way; absent while there is nothing. */
  readonly version?: string;
  /** Requests in the order of recording, of all that were ever recorded. */
  readonly through: number;
  readonly of: number;
  readonly percent: number;
  /** Pid of the process that derives. */
  readonly writer: number | null;
  /** A new result that is derived beside what is served. */
  readonly rebuild: { readonly is: 'asked-for' | 'under-way'; readonly bytes: number } | null;
  /** What proxy-data says about its work; null while it does not run. */
  readonly work: DataHealth['derived'] | null;
}

/** Prints how far what is derived is. Exit code 1 when something hinders it. */
export async function deriveStatus(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const of = await withStore(config, (store) => store.lastSequence());
  const status = await examine(config, of);
  if (options.json) printJson(status);
  else for (const line of linesOf(status)) print(line);
  if (status.work?.trouble !== undefined) process.exitCode = exitCodes.failed;
}

/** Has everything derived anew, beside what is served until it is done. */
export async function deriveAnew(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  await withDerived(config, (derived) => derived.askForRebuild());
  const writer = await pidOfWriter(config);
  if (options.json) {
    printJson({ v: 1, asked: true, writer });
    return;
  }
  print('Everything is derived anew. Statistics and search answer from what there is until that is done.');
  if (writer === null) print('It begins when proxy-data runs: throughline up');
  else print('See how far it is: throughline derive status');
}

async function examine(config: ResolvedConfig, of: number): Promise<DerivedStatus> {
  const { path, bytes, replacementBytes } = derivedFiles(config.recorder.store);
  const [found, writer, work] = await Promise.all([
    bytes === 0 ? undefined : withDerived(config, readPosition),
    pidOfWriter(config),
    // Also an answer of a release that does not say it, or none: the files say the rest.
    getJson<DataHealth>(config, '/health').then(
      ({ derived }) => derived,
      () => null,
    ),
  ]);
  const isUnderWay = replacementBytes > 0;
  const through = found?.through ?? 0;
  return {
    v: 1,
    path,
    bytes,
    ...(found?.version === undefined ? {} : { version: found.version }),
    through,
    of,
    percent: of === 0 ? 100 : Math.floor((Math.min(through, of) / of) * 100),
    writer,
    rebuild:
      isUnderWay || found?.isAskedFor === true
        ? { is: isUnderWay ? 'under-way' : 'asked-for', bytes: replacementBytes }
        : null,
    work,
  };
}

async function readPosition(derived: DerivedStore) {
  const [{ requests = 0, text = 0 }, version, isAskedFor] = [
    await derived.positions(),
    await derived.derivation(),
    await derived.isRebuildAskedFor(),
  ];
  return { through: Math.min(requests, text), ...(isAskedFor ? {} : { version }), isAskedFor };
}

async function withDerived<Result>(
  config: ResolvedConfig,
  work: (derived: DerivedStore) => Promise<Result>,
): Promise<Result> {
  const { path } = derivedFiles(config.recorder.store);
  if (!existsSync(path))
    throw new CliError(
      exitCodes.notFound,
      `nothing is derived yet: there is no ${path}`,
      'Deriving begins by itself when proxy-data runs: throughline up',
    );
  try {
    const derived = await openDerivedStore(config.recorder.store, { role: 'reader' });
    try {
      return await work(derived);
    } finally {
      await derived.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const isHopeless = error.code === 'corrupt' || error.code === 'unusable';
    throw new CliError(
      exitCodes.failed,
      `what is derived cannot be read: ${error.message}`,
      isHopeless
        ? 'proxy-data deletes it and derives it anew when it starts: throughline restart data'
        : 'Try again in a moment.',
    );
  }
}

async function pidOfWriter(config: ResolvedConfig): Promise<number | null> {
  const holder = await readProcessLock(join(config.dataDir, 'run', 'index.lock')).catch(() => undefined);
  return holder?.pid ?? null;
}

function linesOf({
  path,
  bytes,
  version,
  through,
  of,
  percent,
  writer,
  rebuild,
  work,
}: DerivedStatus): string[] {
  return [
    `location    ${path}`,
    `size        ${megabytes(bytes)}`,
    ...(version === undefined ? [] : [`version     ${printable(version)}`]),
    `position    ${through} of ${of} requests, ${percent} %`,
    `state       ${writer === null ? 'nobody derives: proxy-data does not run' : stateLine(work, writer)}`,
    ...(rebuild === null ? [] : [`rebuild     ${rebuildLine(rebuild, work)}`]),
    ...(work?.trouble === undefined ? [] : [`trouble     ${printable(work.trouble)}`]),
  ];
}

function stateLine(work: DerivedStatus['work'], pid: number): string {
  if (work === null) return `pid ${pid} derives, and proxy-data does not answer`;
  const facts = [work.state, `pid ${pid}`];
  if (work.state !== 'rebuilding') facts.push(...paceOf(work));
  if ((work.behind_seconds ?? 0) > 0) facts.push(`behind for ${work.behind_seconds} s`);
  return facts.join(', ');
}

function rebuildLine(rebuild: NonNullable<DerivedStatus['rebuild']>, work: DerivedStatus['work']): string {
  if (work?.state !== 'rebuilding')
    return rebuild.is === 'asked-for' ? 'is asked for, and has not begun' : 'was begun, and goes on soon';
  const facts = [`${work.through} of ${work.of} requests, ${work.percent} %`, ...paceOf(work)];
  return [...facts, megabytes(rebuild.bytes)].join(', ');
}

function paceOf({ requests_per_second: rate, eta_seconds: left }: DataHealth['derived']): string[] {
  return [
    ...(rate === undefined ? [] : [`${rate} requests a second`]),
    ...(left === undefined ? [] : [`${left} s left`]),
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
