import type { Side } from '#exchange';
import type { RunningExchange } from './running-exchange.ts';

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
