import type { Throughline } from './throughline.ts';
import { waitFor } from './wait-for.ts';

/** What proxy-data says about the store and its recorder, as far as tests look at it. */
export interface RecordState {
  readonly stored: number;
  readonly lagBytes: number;
  readonly openExchanges: number;
  readonly isRecording: boolean;
}

export async function recordState({ dataUrl }: Pick<Throughline, 'dataUrl'>): Promise<RecordState> {
  const answer = await fetch(`${dataUrl}/health`);
  const { recorder, database_detail: database } = (await answer.json()) as {
    recorder: Record<string, unknown>;
    database_detail: { exchanges?: number };
  };
  return {
    stored: database.exchanges ?? 0,
    lagBytes: Number(recorder.lag_bytes),
    openExchanges: Number(recorder.open_exchanges),
    isRecording: recorder.state === 'recording',
  };
}

/**
 * Resolves with the number of exchanges when everything is stored that ever will be: nothing is open, nothing waits,
 * and every core that was killed is known to be dead. Call it when no client is at work any more.
 */
export async function recordSettled(
  throughline: Pick<Throughline, 'dataUrl' | 'logs'>,
  timeoutMs = 60_000,
): Promise<number> {
  let before: RecordState | undefined;
  const isStill = async (): Promise<boolean> => {
    const now = await recordState(throughline);
    const isSame = now.stored === before?.stored;
    before = now;
    return isSame && now.isRecording && now.lagBytes === 0 && now.openExchanges === 0;
  };
  await waitFor(isStill, {
    timeoutMs,
    // Longer than the recorder needs to say how it is.
    intervalMs: 1_200,
    what: () =>
      `everything to be stored, now ${JSON.stringify(before)}; the services said:\n${throughline.logs().slice(-4_000)}`,
  });
  return before?.stored ?? 0;
}
