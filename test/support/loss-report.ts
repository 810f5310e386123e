import type { ReadRequest } from './read-back.ts';
import { steadyAnswer, steadyRequest } from './steady-exchange.ts';
import type { SteadyExchange } from './steady-load.ts';
import type { Arrival } from './steady-provider.ts';

/** A core was killed: from the signal until the process was gone, on the clock of `performance.now()`. */
export interface Kill {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What clients, provider and store know of the same exchanges. */
export interface Accounts {
  readonly exchanges: readonly SteadyExchange[];
  readonly received: ReadonlyMap<string, Arrival>;
  readonly stored: readonly Pick<ReadRequest, 'sessionId' | 'outcome' | 'requestBytes' | 'responseBytes'>[];
  readonly longEvents: number;
  /** Markers of which a stored body was read and was not what it should be. */
  readonly unlike: ReadonlySet<string>;
  readonly kills: readonly Kill[];
}

/** How many exchanges went which way; see `lossReport`. */
export interface LossReport {
  readonly sent: number;
  readonly answered: number;
  /** By plan, in mid-answer. */
  readonly left: number;
  /** Broken, and open when a core was killed. */
  readonly openAtKill: number;
  /** Of these, how many had just reached the provider and left no record: core gathers what it writes for 5 ms. */
  readonly openAtKillUnrecorded: number;
  readonly refused: number;
  /** Broken without a kill. */
  readonly reset: number;
  readonly answeredOtherwise: number;
  readonly recorded: Readonly<Record<string, number>>;
  readonly missing: number;
  readonly duplicated: number;
  readonly bytesDiffering: number;
  /** Each thing that must not happen, in words; the numbers above count them too. */
  readonly unexplained: readonly string[];
}

/** A core that is killed may not have written yet what it took this shortly before; it gathers for 5 ms. */
const unwrittenMsMax = 250;
/** A connection that breaks is noticed this much later on a busy machine. */
const noticedMsMax = 1_000;

/**
 * Compares what clients saw with what reached the provider and what is stored. Explained is only: that a client left
 * because it was told to, and that an answer broke that was open when its core was killed.
 */
export function lossReport(accounts: Accounts): LossReport {
  const rowsOf = Map.groupBy(accounts.stored, (row) => row.sessionId ?? '');
  const unexplained: string[] = [];
  const count = { answered: 0, left: 0, openAtKill: 0, refused: 0, reset: 0, answeredOtherwise: 0 };
  const record = { missing: 0, duplicated: 0, bytesDiffering: 0, openAtKillUnrecorded: 0 };
  for (const exchange of accounts.exchanges) {
    const { marker } = exchange;
    const complain = (what: string): void => void unexplained.push(`${marker} ${what}`);
    const wasKilled = isOpenAtKill(exchange, accounts.kills);

    const way = wayOf(exchange, wasKilled);
    count[way] += 1;
    if (way === 'refused' || way === 'reset') complain(`was ${way}`);
    if (way === 'answeredOtherwise') complain(`was ${exchange.end}`);

    const arrival = accounts.received.get(marker);
    if ((arrival?.times ?? 0) > 1) complain(`reached the provider ${arrival?.times} times`);
    const rows = rowsOf.get(marker) ?? [];
    if (rows.length === 0 && mustBeStored(exchange, arrival, accounts.kills)) {
      record.missing += 1;
      complain('is not stored');
    } else if (rows.length === 0 && arrival !== undefined) record.openAtKillUnrecorded += 1;
    if (rows.length > 1) {
      record.duplicated += 1;
      complain(`is stored ${rows.length} times`);
    }
    const isAltered =
      (arrival?.altered ?? 0) > 0 ||
      accounts.unlike.has(marker) ||
      rows.some((row) => row.outcome === 'complete' && !hasRightSize(row, marker, accounts.longEvents));
    if (isAltered) {
      record.bytesDiffering += 1;
      complain('has other bytes');
    }
    const [row] = rows;
    const mayLackEnd = accounts.kills.some((kill) => isNearKill(exchange, kill));
    if (row !== undefined && !mayEndAs(row.outcome, exchange, mayLackEnd))
      complain(`is stored ${row.outcome}`);
  }
  const known = new Set<string>(accounts.exchanges.map(({ marker }) => marker));
  for (const marker of rowsOf.keys())
    if (!known.has(marker)) unexplained.push(`${marker} is stored, not sent`);
  return { sent: accounts.exchanges.length, ...count, recorded: outcomes(accounts), ...record, unexplained };
}

function wayOf(
  { end }: SteadyExchange,
  wasKilled: boolean,
): 'answered' | 'left' | 'openAtKill' | 'refused' | 'reset' | 'answeredOtherwise' {
  switch (end) {
    case 'answered':
    case 'left':
    case 'refused':
      return end;
    case 'broken':
      return wasKilled ? 'openAtKill' : 'reset';
    default:
      return 'answeredOtherwise';
  }
}

function isOpenAtKill({ sentAtMs, endedAtMs }: SteadyExchange, kills: readonly Kill[]): boolean {
  return kills.some(
    ({ fromMs, untilMs }) =>
      sentAtMs <= untilMs && endedAtMs >= fromMs - 1 && endedAtMs <= untilMs + noticedMsMax,
  );
}

/** Its core may have been killed before it had written everything of it. */
function isNearKill({ sentAtMs, endedAtMs }: SteadyExchange, { fromMs, untilMs }: Kill): boolean {
  return sentAtMs <= untilMs && endedAtMs >= fromMs - unwrittenMsMax;
}

/** What a client saw of an answer is stored; so is what reached the provider, unless its core died a moment later. */
function mustBeStored(
  exchange: SteadyExchange,
  arrival: Arrival | undefined,
  kills: readonly Kill[],
): boolean {
  if (exchange.end === 'answered') return true;
  if (arrival === undefined) return false;
  // Sent by a core that is dead by now, it may still lie unread at the provider for a while.
  const wasJustBeginning = (kill: Kill): boolean =>
    isNearKill(exchange, kill) && arrival.firstAtMs >= kill.fromMs - unwrittenMsMax;
  return !kills.some(wasJustBeginning);
}

function mayEndAs(outcome: ReadRequest['outcome'], { end }: SteadyExchange, mayLackEnd: boolean): boolean {
  if (end === 'answered') return outcome === 'complete';
  if (outcome === 'interrupted') return mayLackEnd;
  if (end === 'left') return outcome === 'client-aborted' || outcome === 'complete';
  // The end was written, and its core died before it was relayed.
  return outcome === 'complete' && mayLackEnd;
}

function hasRightSize(
  { requestBytes, responseBytes }: Accounts['stored'][number],
  marker: string,
  longEvents: number,
): boolean {
  const answerBytes = Buffer.byteLength(steadyAnswer(marker, longEvents).join(''));
  return requestBytes === steadyRequest(marker).length && responseBytes === answerBytes;
}

function outcomes({ stored }: Accounts): LossReport['recorded'] {
  const counted: Record<string, number> = {};
  for (const { outcome } of stored) counted[outcome] = (counted[outcome] ?? 0) + 1;
  return counted;
}
