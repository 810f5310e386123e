import { expect } from 'vitest';
import { type Throughline, type Witness, waitFor } from '#test-support';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export async function get(url: string): Promise<Answer> {
  const answer = await fetch(url);
  return { status: answer.status, text: await answer.text() };
}

/** Waits until `/health` has this status; gives what it says. */
export function becomes(url: string, status: number): Promise<string> {
  let last = '';
  return waitFor(
    async () => {
      const answer = await get(`${url}/health`);
      last = answer.text;
      return answer.status === status ? answer.text : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 100, what: () => `${url}/health to be ${status}; it was ${last}` },
  );
}

/** Traffic and liveness, which no breakage of the record changes. */
export async function expectAlive({ coreUrl, dataUrl }: Throughline, witness: Witness): Promise<void> {
  for (const url of [`${coreUrl}/livez`, `${coreUrl}/readyz`, `${dataUrl}/livez`])
    expect([url, (await get(url)).status]).toEqual([url, 200]);
  expect((await witness.ask()).isComplete).toBe(true);
}
