import type { IncomingMessage } from 'node:http';
import type { Side } from '#exchange';
import type { RunningExchange } from './running-exchange.ts';
import { Tally } from './tally.ts';

/** Counts a piece as received and hands the journal its copy. The journal has its own bound and never slows us. */
export function teeReceived(exchange: RunningExchange, side: Side, piece: Buffer): void {
  const tally = side === 'request' ? exchange.requestReceived : exchange.responseReceived;
  exchange.journal.bytes(side, piece, tally.add(piece));
}

/** Counts the same piece at the end where it leaves. */
export function teeSent(exchange: RunningExchange, side: Side, piece: Buffer): void {
  if (side === 'request') exchange.requestSent.addSent(piece, exchange.requestReceived);
  else exchange.responseSent.addSent(piece, exchange.responseReceived);
}

/** Keeps what a provider is sent when that is not what the client said. */
export function teeRewritten(exchange: RunningExchange, body: Uint8Array): void {
  const tally = new Tally();
  exchange.providerRequest = tally;
  exchange.journal.bytes('provider-request', body, tally.add(body));
}

/** Keeps what a provider answers as it comes over the wire, when the client gets it in other words. */
export function teeTranslated(exchange: RunningExchange, answer: IncomingMessage): void {
  const tally = new Tally();
  exchange.providerResponse = tally;
  answer.on('data', (piece: Buffer) => {
    exchange.journal.bytes('provider-response', piece, tally.add(piece));
  });
}
