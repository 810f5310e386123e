import { dialectOf } from '#formats';
import type { DerivedStore, Store, StoredExchange } from '#store';
import type { Step } from './step.ts';

const exchangesPerPiece = 500;
/** A transcript has an answer some hundred milliseconds after its end, and is read soon afterwards. */
const timeToBeRead = 60_000;

/** The requests that transcripts may know of, with the ids by which their answers are found there. */
export function deriveWireAnswers(facts: Store, derived: DerivedStore): Step {
  return {
    name: 'wire-answers',
    async run() {
      const listed = await facts.storedAfter(await derived.position('wire-answers'), exchangesPerPiece);
      // Never ahead of the rows by which it is found out what was deleted.
      const end = await derived.position('requests');
      const exchanges = listed.filter(({ sequence }) => sequence <= end);
      const last = exchanges.at(-1);
      if (last === undefined) return 'idle';
      await derived.join.append(exchanges.flatMap(wireRequest), last.sequence);
      return exchanges.length < exchangesPerPiece ? 'idle' : 'more';
    },
  };
}

function wireRequest(exchange: StoredExchange): Parameters<DerivedStore['join']['append']>[0][number][] {
  const { sequence, id, receivedAtMs, status, outcome, errorType } = exchange;
  const {
    requestIdHeader: requestId,
    messageId,
    sessionId: session,
    agentId: agent,
    requestClass,
  } = exchange;
  const dialect = dialectOf(exchange.path);
  if (dialect === undefined || (requestId ?? messageId ?? session) === undefined) return [];
  return [
    {
      sequence,
      id,
      atMs: receivedAtMs,
      dueMs: receivedAtMs + Math.ceil((exchange.closedUs ?? exchange.lastByteUs ?? 0) / 1_000) + timeToBeRead,
      isAnswered: outcome === 'complete' && (status ?? 500) < 300 && errorType === undefined,
      isCount: dialect.name === 'anthropic-count-tokens',
      ...(requestId === undefined ? {} : { requestId }),
      ...(messageId === undefined ? {} : { messageId }),
      ...(session === undefined ? {} : { session }),
      ...(agent === undefined ? {} : { agent }),
      ...(requestClass === undefined ? {} : { requestClass }),
    },
  ];
}
