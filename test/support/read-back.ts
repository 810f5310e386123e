import type { BodySide } from '#exchange';
import type { Throughline } from './throughline.ts';
import { waitFor } from './wait-for.ts';

/** A row of the list, as far as tests look at it. */
export interface ReadRequest {
  readonly requestId: string;
  readonly endpoint: string;
  readonly outcome: string;
  readonly statusCode?: number;
  readonly isStreaming: boolean;
  readonly tag?: string;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly model?: string;
  readonly stopReason?: string;
  readonly problem?: string;
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Everything that is stored, oldest first, once there are at least `count` exchanges. */
export function readBack(
  throughline: Throughline,
  count: number,
  timeoutMs = 20_000,
): Promise<ReadRequest[]> {
  return waitFor(
    async () => {
      const stored = await listStored(throughline);
      return stored.length >= count ? stored : undefined;
    },
    {
      timeoutMs,
      what: () => `${count} stored exchanges; the services said:\n${throughline.logs().slice(-4_000)}`,
    },
  );
}

/** Everything that is stored, oldest first. */
export async function listStored(throughline: Pick<Throughline, 'frontUrl'>): Promise<ReadRequest[]> {
  const stored: ReadRequest[] = [];
  for await (const page of storedPages(throughline)) stored.push(...page);
  return stored.reverse();
}

/** Everything that is stored, newest first, for a store that is too large to be held at once. */
export async function* storedPages({
  frontUrl,
}: Pick<Throughline, 'frontUrl'>): AsyncGenerator<ReadRequest[]> {
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await fetch(`${frontUrl}/api/v2/requests?limit=1000${query}`);
    if (!answer.ok) throw new Error(`the list was answered ${answer.status}: ${await answer.text()}`);
    const page = (await answer.json()) as { requests: ReadRequest[]; nextCursor: string | null };
    yield page.requests;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** The exact bytes of a stored body. */
export async function readBody(
  throughline: Pick<Throughline, 'frontUrl'>,
  id: string,
  side: BodySide,
): Promise<Buffer> {
  const answer = await fetch(`${throughline.frontUrl}/api/v2/requests/${id}/body?side=${side}`);
  if (!answer.ok) throw new Error(`the body was answered ${answer.status}: ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
}
