import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ExchangeClosed, ExchangeOpened, RecorderStatus, ResponseOpened, RouteChosen } from '#exchange';
import type { ExchangeJournal } from '#journal/write';
import { waitFor } from '#test-support';
import {
  anExchangeId,
  answerEvents,
  anthropicRoute,
  askBody,
  bodyOf,
  closing,
  makeRecorderHome,
  opened,
  type RecorderHome,
  storedExchanges,
  writeExchange,
} from './recorder-fixture.ts';

let home: RecorderHome;
beforeEach(() => {
  home = makeRecorderHome();
});
afterEach(() => home.remove());

const [request, response] = [askBody(), answerEvents('Nine.')];
const responseOpened: ResponseOpened = {
  source: 'provider',
  status: 200,
  statusText: 'OK',
  httpVersion: '1.1',
  headers: ['content-type', 'text/event-stream'],
};

/** What a core of another version, or damage that a checksum happens to fit, may leave. */
const strange: Record<string, (value: object) => unknown> = {
  'no field at all': () => ({}),
  'numbers for texts': (value) => mapped(value, (field) => (typeof field === 'string' ? 7 : field)),
  'texts for numbers': (value) => mapped(value, (field) => (typeof field === 'number' ? 'many' : field)),
  'null everywhere': (value) => mapped(value, () => null),
  'headers of another kind': (value) => mapped(value, (field) => (Array.isArray(field) ? { a: 1 } : field)),
};

function mapped(value: object, change: (field: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, change(field)]));
}

it.each(Object.keys(strange))('an exchange whose heads have %s is kept with its exact bytes', async (how) => {
  // It stands for values that the types exclude.
  const change = <T extends object>(value: T): T => strange[how]!(value) as T;
  const journal = await home.journal();
  const recorder = home.start();
  const id = anExchangeId();
  const log: ExchangeJournal = journal.open(id, change<ExchangeOpened>(opened()));
  log.bytes('request', request);
  log.routeChosen(change<RouteChosen>(anthropicRoute));
  log.attemptStarted(change({ attempt: 1, provider: 'anthropic', origin: 'https://provider.test' }));
  log.attemptEnded(change({ attempt: 1, result: 'answered', status: 200 }));
  log.responseOpened(change(responseOpened));
  log.bytes('response', response);
  await log.closed(
    change<Omit<ExchangeClosed, 'requestBytesDropped' | 'responseBytesDropped'>>(closing(request, response)),
  );
  const healthy = await writeExchange(journal, { request, response });

  const stored = await storedExchanges(home, 2);
  expect(stored.map((exchange) => exchange.id)).toEqual([id, healthy.id]);
  const store = await home.store();
  expect((await bodyOf(store, id, 'request')).equals(request)).toBe(true);
  expect((await bodyOf(store, id, 'response')).equals(response)).toBe(true);
  expect(await store.openExchanges()).toEqual([]);
  await store.close();
  expect(recorder.lines.filter((line) => line.includes('cannot follow'))).toEqual([]);
  const path = home.dir.join('status', 'recorder.json');
  await waitFor(() => (JSON.parse(readFileSync(path, 'utf8')) as RecorderStatus).unknownFrames > 0);
});
