import type { Reader } from './setting.ts';

/** What may be tried again: statuses of answers, and that there was none. */
export interface RetryCauses {
  readonly statuses: readonly number[];
  readonly onNoAnswer: boolean;
}

const noAnswer = 'no-answer';

/** `providers.<name>.retries.on`: a list of statuses from 400 on, and `no-answer`. */
export const retryCauses: Reader<RetryCauses> = (written) => {
  const entries: unknown[] = Array.isArray(written) ? written : [written];
  if (entries.length > 100) return { wrong: 'has more than 100 entries' };
  const statuses: number[] = [];
  for (const entry of entries) {
    if (entry === noAnswer) continue;
    const status = Number(entry);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      return {
        wrong: `has an entry that is neither a status from 400 to 599 nor ${noAnswer}`,
        fix: `Write for example [429, 503, 529, ${noAnswer}].`,
      };
    }
    statuses.push(status);
  }
  return { value: { statuses, onNoAnswer: entries.includes(noAnswer) } };
};
