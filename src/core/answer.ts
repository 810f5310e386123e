import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList } from '#exchange';
import { nowUs } from './clock.ts';
import type { CoreContext } from './core-context.ts';
import { failExchange } from './fail.ts';
import { responseHeadersFor, withoutTrailerField } from './headers.ts';
import { relayAnswer } from './relay.ts';
import type { RunningExchange } from './running-exchange.ts';
import { noteKeepAlive } from './upstream.ts';

/** The provider has answered: its head goes to the client as it is, then the body follows. */
export function takeAnswer(core: CoreContext, exchange: RunningExchange, answer: IncomingMessage): void {
  const { journal, response } = exchange;
  exchange.providerActiveAtUs = nowUs();
  const head = responseHeadersFor(answer.rawHeaders);
  const trouble =
    head.strangeCoding === undefined
      ? composeHead(core, response, answer, head.headers)
      : `its transfer coding is ${head.strangeCoding}`;
  if (trouble !== undefined) {
    failOnHead(core, exchange, `an answer that cannot be passed on: ${trouble}`);
    return;
  }
  noteKeepAlive(answer.socket, head.keepAliveMs);
  core.providerHealth.answered(exchange.provider);
  exchange.endAttempt({ result: 'answered', status: answer.statusCode! });
  journal.responseOpened({
    source: 'provider',
    status: answer.statusCode!,
    statusText: answer.statusMessage ?? '',
    httpVersion: answer.httpVersion,
    headers: core.fingerprints.headers(answer.rawHeaders),
  });
  exchange.status = answer.statusCode!;
  exchange.answerPhase = 'relaying';
  exchange.endsWithConnection = head.contentLength === undefined && !response.chunkedEncoding;
  relayAnswer(core, exchange, answer, head.contentLength);
}

/** Composes the head, which goes out with the first bytes. Returns what is wrong with it. */
function composeHead(
  core: CoreContext,
  response: ServerResponse,
  answer: IncomingMessage,
  headers: HeaderList,
): string | undefined {
  const list = core.isDraining ? [...headers, 'Connection', 'close'] : [...headers];
  try {
    response.writeHead(answer.statusCode!, answer.statusMessage ?? '', list);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const refusesTrailer = code === 'ERR_HTTP_TRAILER_INVALID';
    return refusesTrailer ? composeHead(core, response, answer, withoutTrailerField(headers)) : message;
  }
}

function failOnHead(core: CoreContext, exchange: RunningExchange, cause: string): void {
  exchange.endAttempt({ result: 'refused', cause });
  core.providerHealth.failed(exchange.provider, cause);
  failExchange(core, exchange, {
    problem: { code: 'upstream-invalid', detail: cause },
    end: 'upstream-broken',
    cause,
  });
}
