import type { Reader } from './setting.ts';

/** What may be tried again: statuses of answers, and that there was none. */
export interface RetryCauses {
  readonly statuses: readonly number[];
  readonly onNoAnswer: boolean;
}

const noAnswer = 'no-answer';

/** `providers.<name>.retries.on`: a list of statuses and `no-answer`. */
export const retryCauses: Reader<RetryCauses> = (written) => {
  const entries: unknown[] = Array.isArray(written) ? written : [written];
  if (entries.length > 100) return { wrong: 'has more than 100 entries' };
  const statuses: number[] = [];
  for (const entry of entries) {
    if (entry === noAnswer) continue;
    // Mappings have nothing that could make a number of them.
    const status = typeof entry === 'object' ? Number.NaN : Number(entry);
    if (!isRetryable(status)) {
      return {
        wrong: 'has an entry that nothing is tried again for',
        fix: `Write 408, 429, statuses from 500 to 599 or ${noAnswer}: other 4xx are mistakes of the client.`,
      };
    }
    statuses.push(status);
  }
  return { value: { statuses, onNoAnswer: entries.includes(noAnswer) } };
};

function isRetryable(status: number): boolean {
  return status === 408 || status === 429 || (Number.isInteger(status) && status >= 500 && status <= 599);
}
