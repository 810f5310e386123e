import { headerValue } from '#exchange';
import type { DerivedStore, DueRequest, Store, TranscriptStore } from '#store';
import { requestDigest } from '#transcripts';
import { decodedBody, unlessDamaged } from './decoded-body.ts';
import type { Step } from './step.ts';

/** A digest takes some milliseconds. */
const requestsPerPiece = 10;

/**
 * Looks once more for requests that no transcript knows by their ids: by the digest that clients note, then by what was
 * said. Both need everything else to be derived first.
 */
export function compareWireAnswers(
  { facts, derived, transcripts }: { facts: Store; derived: DerivedStore; transcripts: TranscriptStore },
  nowMs: () => number,
): Step {
  async function isAllDerived(due: readonly DueRequest[]): Promise<boolean> {
    const last = Math.max(...due.map(({ sequence }) => sequence));
    if ((await derived.position('text')) < last || (await derived.position('requests')) < last) return false;
    return (await derived.position('transcript-text')) >= (await transcripts.counts()).lastPiece;
  }

  async function compared({ sequence, id, wantsDigest }: DueRequest) {
    const exchange = wantsDigest ? await facts.exchange(id) : undefined;
    if (exchange === undefined) return { sequence };
    const body = await unlessDamaged(decodedBody(facts, exchange, 'request'), new Uint8Array());
    const digest = requestDigest(body, headerValue(exchange.requestHeaders, 'anthropic-beta'));
    // Without one: an empty text, so that it is not tried again and again.
    return { sequence, digest: digest ?? '' };
  }

  return {
    name: 'wire-comparison',
    async run() {
      const due = await derived.join.due(nowMs(), requestsPerPiece);
      if (due.length === 0 || !(await isAllDerived(due))) return 'idle';
      const all = [];
      for (const request of due) all.push(await compared(request));
      await derived.join.compare(all);
      return 'more';
    },
  };
}
