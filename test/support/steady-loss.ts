import { type Kill, type LossReport, lossReport } from './loss-report.ts';
import { type ReadRequest, readBody, storedPages } from './read-back.ts';
import { recordSettled } from './record-settled.ts';
import { kindOf, steadyAnswer, steadyRequest } from './steady-exchange.ts';
import type { SteadyLoad } from './steady-load.ts';
import type { SteadyProvider } from './steady-provider.ts';
import type { Throughline } from './throughline.ts';

export interface SteadyRun {
  readonly throughline: Pick<Throughline, 'frontUrl' | 'dataUrl' | 'logs'>;
  readonly provider: SteadyProvider;
  /** Stopped before. */
  readonly load: SteadyLoad;
  readonly kills?: readonly Kill[];
  /** How long the recorder may take for what it has not stored yet. */
  readonly settleMsMax?: number;
  /** So many stored bodies of each kind of exchange are read and compared; the sizes of all are. Default 60. */
  readonly bodiesCompared?: number;
}

/** Waits until everything is stored and says what was lost. */
export async function lossOf(run: SteadyRun): Promise<LossReport> {
  const { throughline, provider, load, kills = [], settleMsMax = 120_000, bodiesCompared = 60 } = run;
  await recordSettled(throughline, settleMsMax);
  const stored: ReadRequest[] = [];
  // All that is kept of a row is what the report needs: there may be hundreds of thousands.
  for await (const page of storedPages(throughline))
    for (const { requestId, sessionId = '', outcome, requestBytes, responseBytes } of page)
      stored.push({ requestId, sessionId, outcome, requestBytes, responseBytes } as ReadRequest);
  return lossReport({
    exchanges: load.exchanges,
    received: provider.received,
    stored,
    longEvents: provider.longEvents,
    unlike: await unlikeBodies(run, someOfEachKind(stored, bodiesCompared)),
    kills,
  });
}

/** Spread over the whole time, for each kind of client and each outcome. */
function someOfEachKind(stored: readonly ReadRequest[], count: number): ReadRequest[] {
  const groups = Map.groupBy(stored, ({ sessionId = '', outcome }) => `${kindOf(sessionId)} ${outcome}`);
  return [...groups.values()].flatMap((rows) => {
    const step = Math.max(1, Math.floor(rows.length / count));
    return rows.filter((_, index) => index % step === 0);
  });
}

async function unlikeBodies(run: SteadyRun, rows: readonly ReadRequest[]): Promise<Set<string>> {
  const unlike = new Set<string>();
  const compare = async (row: ReadRequest): Promise<void> => {
    if (!(await hasRightBodies(run, row))) unlike.add(row.sessionId ?? '');
  };
  for (let at = 0; at < rows.length; at += 8) await Promise.all(rows.slice(at, at + 8).map(compare));
  return unlike;
}

async function hasRightBodies({ throughline, provider }: SteadyRun, row: ReadRequest): Promise<boolean> {
  const { requestId, sessionId = '', outcome } = row;
  const request = await readBody(throughline, requestId, 'request');
  const response = await readBody(throughline, requestId, 'response');
  const wanted = Buffer.from(steadyAnswer(sessionId, provider.longEvents).join(''));
  // What did not come to its end is a true beginning.
  const isWhole = outcome === 'complete';
  return (
    request.equals(
      isWhole ? steadyRequest(sessionId) : steadyRequest(sessionId).subarray(0, request.length),
    ) && response.equals(isWhole ? wanted : wanted.subarray(0, response.length))
  );
}
