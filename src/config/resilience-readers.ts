import type { FallbackStep, RetryCause } from '#core-config';
import { readRouteTarget } from './route-target.ts';
import type { Reader } from './setting.ts';

const stepsMax = 10;

/** `provider` or `provider:model`, or a list of them, in the order in which they take over. */
export const fallbackChain: Reader<readonly FallbackStep[]> = (written) => {
  const list: unknown[] = Array.isArray(written) ? written : [written];
  if (list.length > stepsMax) return { wrong: `has more than ${stepsMax} steps` };
  const value: FallbackStep[] = [];
  for (const entry of list) {
    const reading = readRouteTarget(entry);
    if ('wrong' in reading)
      return { wrong: `has a step that ${reading.wrong}`, fix: 'Write for example ["openai:gpt-5", other].' };
    value.push(reading.value);
  }
  return { value };
};

/** What a request is sent again for. A mistake of the client stays one however often it is repeated. */
export const retryCauses: Reader<readonly RetryCause[]> = (written) => {
  const list: unknown[] = Array.isArray(written) ? written : [written];
  const value: RetryCause[] = [];
  for (const entry of list) {
    const cause = retryCause(entry);
    if (cause === undefined) {
      return {
        wrong: `has an entry that nothing is retried for: ${JSON.stringify(entry)?.slice(0, 40)}`,
        fix: 'Write statuses (408, 429, 500 to 599), "connection" or "timeout".',
      };
    }
    if (!value.includes(cause)) value.push(cause);
  }
  return { value };
};

function retryCause(written: unknown): RetryCause | undefined {
  if (written === 'connection' || written === 'timeout') return written;
  const status = typeof written === 'string' && /^\d{3}$/.test(written) ? Number(written) : written;
  if (typeof status !== 'number' || !Number.isInteger(status)) return undefined;
  return status === 408 || status === 429 || (status >= 500 && status <= 599) ? status : undefined;
}
