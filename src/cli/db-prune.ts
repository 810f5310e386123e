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
  /** Only their bodies; everything else about them is kept. */
  readonly bodies?: true;
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
    const bodies = await store.bodiesOf(filter);
    const found = {
      matched: options.bodies ? bodies.exchanges : await store.count(filter),
      bodyBytes: bodies.bytes,
    };
    if (options.dryRun || found.matched === 0) {
      report(options, { ...found, deleted: 0 });
      return;
    }
    if (!(await isConfirmed(store, found.matched, options)))
      throw new CliError(exitCodes.failed, 'nothing was deleted');
    report(options, { ...found, deleted: await prune(store, filter, options, config.dataDir) });
  });
}

async function prune(
  store: Store,
  filter: ExchangeFilter,
  { bodies }: PruneOptions,
  dataDir: string,
): Promise<number> {
  if (bodies) return (await store.pruneBodies(filter, Date.now())).exchanges;
  const note = openDeletions(dataDir).begin();
  return (await store.delete(filter, (ids) => note.add(ids))).exchanges;
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

async function isConfirmed(store: Store, matched: number, { yes, bodies }: PruneOptions): Promise<boolean> {
  if (yes) return true;
  const what = bodies ? 'the bodies of ' : '';
  if (!process.stdin.isTTY) {
    throw new CliError(
      exitCodes.usage,
      `this deletes ${what}${matched} requests and cannot ask here`,
      'Add --yes if you mean it, or --dry-run to see how many it is.',
    );
  }
  const total = await store.count({});
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${what}${matched} of ${total} requests? Type yes: `);
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

function report(
  options: PruneOptions,
  {
    matched,
    deleted,
    bodyBytes,
  }: { readonly matched: number; readonly deleted: number; readonly bodyBytes: number },
): void {
  const dryRun = options.dryRun === true;
  if (options.json) {
    printJson({ v: 1, dryRun, bodies: options.bodies === true, matched, deleted, bodyBytes });
    return;
  }
  const what = options.bodies ? 'the bodies of ' : '';
  const size = `bodies of ${(bodyBytes / 1_000_000).toFixed(1)} MB as they were recorded`;
  print(
    dryRun
      ? `Would delete ${what}${matched} requests: ${size}.`
      : `Deleted ${what}${deleted} requests: ${size}.`,
  );
}
