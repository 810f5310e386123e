import type { ExchangeEnd, HeaderList, Problem, ResponseOpened } from '#exchange';
import { nowUs } from './clock.ts';
import { discardRest } from './discard-rest.ts';
import { http } from './node-http.ts';
import type { HeldEnd, RunningExchange } from './running-exchange.ts';

/** An answer that is made here and known as a whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** How the record shall tell it. */
export interface Ending {
  /** Whose words they are; a translation of the provider's counts as the provider's. */
  readonly source: ResponseOpened['source'];
  readonly end: ExchangeEnd;
  readonly problem?: Problem;
  readonly cause?: string;
}

/** Records an answer and sends it once it is on disk. The client must not have seen anything yet. */
export function answerWhole(exchange: RunningExchange, answer: WholeAnswer, ending: Ending): void {
  const { journal } = exchange;
  const { status, headers, body } = answer;
  exchange.answerPhase = 'ending';
  exchange.endingAtUs = nowUs();
  exchange.status = status;
  const { source } = ending;
  journal.responseOpened({ source, status, statusText: '', httpVersion: '1.1', headers });
  journal.bytes('response', body);
  if (source === 'throughline') exchange.responseReceived.add(body);
  exchange.responseSent.add(body);
  exchange.lastByteAtUs = nowUs();
  exchange.firstByteAtUs ??= exchange.lastByteAtUs;
  exchange.heldEnd = new WholeEnd(answer);
  void exchange.close(ending.end, ending.problem, ending.cause).then(() => exchange.releaseEnd());
}

class WholeEnd implements HeldEnd {
  readonly #answer: WholeAnswer;

  constructor(answer: WholeAnswer) {
    this.#answer = answer;
  }

  send({ request, response }: RunningExchange): void {
    const { status, headers, body } = this.#answer;
    // Named, because a phrase of the provider that could not be sent would stay otherwise.
    response.writeHead(status, http.STATUS_CODES[status] ?? '', [...headers]);
    response.write(body);
    discardRest(request, () => response.end());
  }
}
