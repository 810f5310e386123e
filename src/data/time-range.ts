import { instantText } from './request-summary.ts';

/** Milliseconds since 1970, half open. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The range that an answer is about, in the words of the API. */
export function echo({ fromMs, toMs }: TimeRange) {
  return { startTime: instantText(fromMs), endTime: instantText(toMs) };
}
