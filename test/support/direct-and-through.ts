import { type CoreAlone, type CoreAloneOptions, startCoreAlone } from './core-alone.ts';
import { type FakeProvider, startFakeProvider } from './fake-provider.ts';
import type { RawHeaders } from './http-wire.ts';
import { answerAsProvider } from './plausible-answers.ts';
import type { AnswerScript } from './provider-connection.ts';
import { openRaw, type RawConnection, type RawRequest } from './raw-client.ts';
import type { ReceivedRequest } from './received-request.ts';

/** A fake provider with a real core in front of it: what a client sees directly, and what it sees through us. */
export interface Pair {
  readonly provider: FakeProvider;
  readonly core: CoreAlone;
  close(): Promise<void>;
}

export async function startPair(options: Omit<CoreAloneOptions, 'providerOrigin'> = {}): Promise<Pair> {
  const provider = await startFakeProvider();
  const core = await startCoreAlone({ ...options, providerOrigin: provider.origin });
  return {
    provider,
    core,
    close: async () => {
      await core.stop();
      await provider.close();
    },
  };
}

export interface Both<T> {
  readonly direct: Seen<T>;
  readonly through: Seen<T>;
}

export interface Seen<T> {
  /** What the client got: a value, or the error it threw. */
  readonly result: T;
  /** What the provider got: the requests without what belongs to the connection. */
  readonly requests: readonly SeenRequest[];
}

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly body: string;
  readonly trailers: RawHeaders;
}

/**
 * Runs the same client against the provider and against core, with the same scripted answers both times. Without
 * answers the provider answers plausibly, both times the same.
 */
export async function both<T>(
  pair: Pair,
  answers: readonly AnswerScript[],
  run: (baseUrl: string) => Promise<T>,
): Promise<Both<T>> {
  const once = async (baseUrl: string): Promise<Seen<T>> => {
    pair.provider.forget();
    pair.provider.respondWith((request) => answerAsProvider(request, { seed: 7 }));
    for (const answer of answers) pair.provider.respondOnceWith(answer);
    const result = await run(baseUrl);
    return { result, requests: pair.provider.requests.map(seenRequest) };
  };
  return { direct: await once(pair.provider.origin), through: await once(pair.core.url) };
}

/** Fields that belong to one connection and not to the message, and the address. */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'upgrade',
  'host',
]);

/** The end-to-end fields in order and case. */
export function endToEnd(headers: RawHeaders): RawHeaders {
  return headers.filter(([name]) => !connectionFields.has(name.toLowerCase()));
}

function seenRequest(request: ReceivedRequest): SeenRequest {
  return {
    method: request.method,
    target: request.target,
    headers: endToEnd(request.rawHeaders),
    body: request.body.toString('latin1'),
    trailers: request.trailers,
  };
}

/** What a raw client can tell about one answer, without what belongs to the connection. */
export interface RawOutcome {
  readonly statusLine: string;
  readonly headers: RawHeaders;
  readonly body: string;
  readonly trailers: RawHeaders;
  readonly isComplete: boolean;
  /** The connection broke off; a proper end after a complete answer is `open`, whether or not it was closed. */
  readonly connection: 'open' | 'broken';
}

/** Sends one request on a new connection and tells how it went; a connection without an answer gives none. */
export async function rawOutcome(url: string, request: RawRequest): Promise<RawOutcome | undefined> {
  const connection: RawConnection = await openRaw(url);
  try {
    const answer = await connection.ask(request).catch(() => undefined);
    if (answer === undefined) return undefined;
    return {
      statusLine: answer.statusLine,
      headers: endToEnd(answer.rawHeaders),
      body: answer.body.toString('latin1'),
      trailers: answer.trailers,
      isComplete: answer.isComplete,
      connection: answer.isComplete ? 'open' : 'broken',
    };
  } finally {
    connection.close();
  }
}
