import type { OpenExchange } from '#exchange';
import type { AssembledExchange } from './assemble.ts';
import { clientFacts } from './client-facts.ts';
import type { JournalTail } from './journal-tail.ts';

/** The table is for looking at, so it has a bound; core serves more than this without us. */
const openMax = 1_000;

/** What is in flight now, as far as the journal was read. */
export function openExchanges(journals: readonly JournalTail[]): OpenExchange[] {
  const open: OpenExchange[] = [];
  for (const journal of journals) {
    for (const assembled of journal.assembler.open()) {
      if (open.length === openMax) return open;
      if (assembled.opened !== undefined) open.push(openExchange(assembled));
    }
  }
  return open;
}

function openExchange(assembled: AssembledExchange): OpenExchange {
  const opened = assembled.opened!;
  const { sessionId, agentId } = clientFacts(opened.headers);
  return {
    id: assembled.id,
    coreId: assembled.coreId,
    receivedAtMs: opened.receivedAtMs,
    method: opened.method,
    path: opened.target.split('?', 1)[0]!,
    ...(opened.tag === undefined ? {} : { tag: opened.tag }),
    ...(assembled.route === undefined ? {} : { provider: assembled.route.provider }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(assembled.responseOpened === undefined ? {} : { status: assembled.responseOpened.status }),
    requestBytes: assembled.request.bytes,
    responseBytes: assembled.response.bytes,
  };
}
