import { createInterface } from 'node:readline/promises';
import { prepareProcess } from '#generation';
import { type ExchangeFilter, openDeletions, type Store } from '#store';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { withStore } from './open-store.ts';
import { print, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

export interface PruneOptions extends GlobalOptions {
  /** `30d`, `12h`, or a time. */
  readonly olderThan?: string;
  readonly session?: string;
  readonly agent?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly tag?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Deletes the requests that the options describe, after asking, while everything runs. */
export async function pruneDatabase(options: PruneOptions): Promise<void> {
  prepareProcess();
  const filter = filterOf(options, Date.now());
  const { config } = await readConfig(options);
  await withStore(config, async (store) => {
    const matched = await store.count(filter);
    if (options.dryRun || matched === 0) {
      report(options, { matched, deleted: 0 });
      return;
    }
    if (!(await isConfirmed(store, matched, options.yes === true)))
      throw new CliError(exitCodes.failed, 'nothing was deleted');
    const note = openDeletions(config.dataDir).begin();
    const { exchanges } = await store.delete(filter, (ids) => note.add(ids));
    report(options, { matched, deleted: exchanges });
  });
}

function filterOf(options: PruneOptions, nowMs: number): ExchangeFilter {
  const { olderThan, session, agent, provider, model, tag } = options;
  const filter: ExchangeFilter = {
    ...(olderThan === undefined ? {} : { toMs: instantOf(olderThan, nowMs) }),
    ...(session === undefined ? {} : { sessionId: session }),
    ...(agent === undefined ? {} : { agentId: agent }),
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { modelContains: model }),
    ...(tag === undefined ? {} : { tag }),
  };
  const isEverything = Object.values(filter).every((value) => value === '');
  if (!isEverything) return filter;
  throw new CliError(
    exitCodes.usage,
    'nothing says what to delete',
    'Give --older-than, --session, --agent, --provider, --model or --tag. For everything: throughline db reset',
  );
}

/** Milliseconds since 1970. */
function instantOf(text: string, nowMs: number): number {
  const age = /^(\d{1,6})([mhd])$/.exec(text);
  if (age) return nowMs - Number(age[1]) * unitMs[age[2] as keyof typeof unitMs];
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new CliError(
    exitCodes.usage,
    `--older-than is neither an age nor a time: ${text}`,
    'Write for example 30d, 12h or 2026-01-31.',
  );
}

async function isConfirmed(store: Store, matched: number, saysYes: boolean): Promise<boolean> {
  if (saysYes) return true;
  if (!process.stdin.isTTY) {
    throw new CliError(
      exitCodes.usage,
      `this deletes ${matched} requests and cannot ask here`,
      'Add --yes if you mean it, or --dry-run to see how many it is.',
    );
  }
  const total = await store.count({});
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${matched} of ${total} requests? Type yes: `);
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

function report(options: PruneOptions, counts: { readonly matched: number; readonly deleted: number }): void {
  const dryRun = options.dryRun === true;
  if (options.json) printJson({ v: 1, dryRun, ...counts });
  else if (dryRun) print(`Would delete ${counts.matched} requests.`);
  else print(`Deleted ${counts.deleted} requests.`);
}
