import type { DerivedStore, Store } from '#store';
import type { Step } from './step.ts';

const exchangesPerPiece = 500;

/** The ids by which answers on the wire are found again in transcripts. */
export function deriveWireAnswers(facts: Store, derived: DerivedStore): Step {
  return {
    name: 'wire-answers',
    async run() {
      const exchanges = await facts.storedAfter(await derived.position('wire-answers'), exchangesPerPiece);
      const last = exchanges.at(-1);
      if (last === undefined) return 'idle';
      const answers = exchanges
        .filter(({ requestIdHeader, messageId }) => requestIdHeader !== undefined || messageId !== undefined)
        .map((exchange) => ({
          sequence: exchange.sequence,
          id: exchange.id,
          atMs: exchange.receivedAtMs,
          ...(exchange.requestIdHeader === undefined ? {} : { requestId: exchange.requestIdHeader }),
          ...(exchange.messageId === undefined ? {} : { messageId: exchange.messageId }),
          ...(exchange.sessionId === undefined ? {} : { session: exchange.sessionId }),
          ...(exchange.requestClass === undefined ? {} : { requestClass: exchange.requestClass }),
        }));
      await derived.conversations.appendWireAnswers(answers, last.sequence);
      return exchanges.length < exchangesPerPiece ? 'idle' : 'more';
    },
  };
}
