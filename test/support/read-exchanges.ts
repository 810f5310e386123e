import { readFileSync } from 'node:fs';
import type {
  AttemptEnded,
  AttemptStarted,
  BodySide,
  ExchangeClosed,
  JournalEntry,
  ResponseOpened,
  RouteChosen,
} from '#exchange';
import { createFrameReader, listJournals } from '#journal/read';

/** What the journal says about one exchange, the last word counts. */
export interface JournaledExchange {
  readonly route?: RouteChosen;
  /** In order, each with how it ended. */
  readonly attempts: readonly (AttemptStarted & Partial<AttemptEnded>)[];
  readonly responseOpened?: ResponseOpened;
  readonly closed?: ExchangeClosed;
  readonly request: Buffer;
  readonly response: Buffer;
  /** What the provider was sent and what it answered, where those are kept; of all attempts. */
  readonly providerRequest: Buffer;
  readonly providerResponse: Buffer;
}

/** Everything on disk in the order of acceptance, straight out of the journal, without a recorder. */
export async function readExchanges(journalDirectory: string): Promise<JournaledExchange[]> {
  const frames = new Map<string, Exclude<JournalEntry, { kind: 'segment-opened' }>[]>();
  for (const { segments } of await listJournals(journalDirectory)) {
    for (const { coreId, number: segmentNumber, path } of segments) {
      for (const { entry } of createFrameReader({ coreId, segmentNumber }).feed(readFileSync(path))) {
        if (entry.kind === 'segment-opened') continue;
        frames.set(entry.exchangeId, [...(frames.get(entry.exchangeId) ?? []), entry]);
      }
    }
  }
  return [...frames.keys()].sort().map((id) => {
    const own = frames.get(id)!;
    const bytes = (kind: `${BodySide}-bytes`) =>
      Buffer.concat(own.flatMap((frame) => (frame.kind === kind ? [frame.bytes] : [])));
    const exchange: { -readonly [Key in keyof JournaledExchange]: JournaledExchange[Key] } = {
      attempts: [],
      request: bytes('request-bytes'),
      response: bytes('response-bytes'),
      providerRequest: bytes('provider-request-bytes'),
      providerResponse: bytes('provider-response-bytes'),
    };
    for (const frame of own) {
      if (frame.kind === 'route-chosen') exchange.route = frame.payload;
      if (frame.kind === 'attempt-started') exchange.attempts = [...exchange.attempts, frame.payload];
      if (frame.kind === 'attempt-ended') {
        const { payload } = frame;
        exchange.attempts = exchange.attempts.map((each) =>
          each.attempt === payload.attempt ? { ...each, ...payload } : each,
        );
      }
      if (frame.kind === 'response-opened') exchange.responseOpened = frame.payload;
      if (frame.kind === 'exchange-closed') exchange.closed = frame.payload;
    }
    return exchange;
  });
}
