import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { prose } from './agent-prose.ts';
import type { ReceivedRequest } from './fake-provider.ts';
import { openRaw, type RawConnection } from './raw-client.ts';
import { listStored, type ReadRequest, readBody } from './read-back.ts';
import { type AnswerPiece, isBytes, type ScriptedAnswer } from './scripted-answer.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import type { Throughline } from './throughline.ts';
import { waitFor } from './wait-for.ts';

export interface WitnessOptions {
  /** Sizes and texts of the requests. Different witnesses of one store need different seeds. */
  readonly seed: number;
  /** Size of a request's text in bytes: from, below. Default 500 to 8,000. */
  readonly requestBytes?: readonly [from: number, below: number];
  /** Between two exchanges of one client; default 0. */
  readonly pauseMs?: number;
}

/** One exchange as its client saw it. */
export interface Witnessed {
  /** Sent as the session id: finds the exchange in the store. */
  readonly marker: string;
  readonly request: Buffer;
  readonly status: number | undefined;
  readonly body: Buffer;
  /** The answer ended as its framing says. */
  readonly isComplete: boolean;
  /** Why there is no answer: the code of a failed connection, or how an open one ended. */
  readonly failure: string | undefined;
  readonly tookMs: number;
}

/** Clients that remember what they sent and saw, to be compared with what is stored. */
export interface Witness {
  readonly seen: readonly Witnessed[];
  ask(): Promise<Witnessed>;
  /** So many exchanges, at most `clients` at a time. */
  run(count: number, clients: number): Promise<void>;
  /** Asks on until stopped; resolves with what was seen in between. */
  start(clients: number): { stop(): Promise<Witnessed[]> };
}

/** @param url where the exchanges go; the provider must answer with `witnessedAnswer` */
export function createWitness(url: string, options: WitnessOptions): Witness {
  const random = seededRandom(options.seed);
  const seen: Witnessed[] = [];
  let count = 0;

  async function ask(): Promise<Witnessed> {
    count += 1;
    const marker = `witness-${options.seed}-${count}`;
    const witnessed = await askAs(url, marker, requestBody(random, marker, options.requestBytes));
    seen.push(witnessed);
    return witnessed;
  }

  async function client(goOn: () => boolean): Promise<void> {
    while (goOn()) {
      await ask();
      if (options.pauseMs !== undefined) await delay(options.pauseMs);
    }
  }

  return {
    seen,
    ask,
    async run(wanted, clients) {
      const until = count + wanted;
      await Promise.all(Array.from({ length: clients }, () => client(() => count < until)));
    },
    start(clients) {
      const first = seen.length;
      let isStopped = false;
      const ended = Promise.all(Array.from({ length: clients }, () => client(() => !isStopped)));
      return {
        async stop() {
          isStopped = true;
          await ended;
          return seen.slice(first);
        },
      };
    },
  };
}

/** Answers of some length that follow from the marker alone. @param pauseMsMax between two events */
export function witnessedAnswer(request: ReceivedRequest, pauseMsMax = 4): ScriptedAnswer {
  return {
    headers: [['content-type', 'text/event-stream; charset=utf-8']],
    framing: 'chunked',
    body: answerPieces(request.header('x-claude-code-session-id') ?? '', pauseMsMax),
  };
}

/**
 * What is wrong with the record of these exchanges, in words: nothing when every answer that was seen complete is
 * stored once with its exact bytes, and of the others at most one true piece. Storing takes a moment: looks again until
 * nothing is wrong or the time is over.
 */
export async function recordFaults(
  throughline: Throughline,
  witnessed: readonly Witnessed[],
  timeoutMs = 30_000,
): Promise<string[]> {
  let faults: string[] = [];
  const look = async (): Promise<boolean> => {
    faults = await faultsNow(throughline, witnessed).catch((error: unknown) => [String(error)]);
    return faults.length === 0;
  };
  await waitFor(look, { timeoutMs, intervalMs: 200 }).catch(() => undefined);
  return faults;
}

async function faultsNow(throughline: Throughline, witnessed: readonly Witnessed[]): Promise<string[]> {
  const stored = await listStored(throughline);
  const faults: string[] = [];
  if (new Set(stored.map((row) => row.requestId)).size !== stored.length)
    faults.push('an id is stored twice');
  const rowsOf = Map.groupBy(stored, (row) => row.sessionId ?? '');
  const missing = witnessed.filter((one) => one.isComplete && !rowsOf.has(one.marker));
  // Bodies are looked at last, because that takes longest.
  if (missing.length > 0) return [...faults, ...missing.map(({ marker }) => `${marker} is missing`)];
  for (let at = 0; at < witnessed.length; at += 8) {
    const checked = witnessed
      .slice(at, at + 8)
      .map((one) => faultOf(throughline, one, rowsOf.get(one.marker) ?? []));
    for (const fault of await Promise.all(checked)) if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

/** The middle one of the times that exchanges took. */
export function medianMs(witnessed: readonly Witnessed[]): number {
  const times = witnessed.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}

async function faultOf(
  throughline: Throughline,
  seen: Witnessed,
  rows: readonly ReadRequest[],
): Promise<string | undefined> {
  const [row] = rows;
  if (rows.length > 1) return `${seen.marker} is stored ${rows.length} times`;
  if (row === undefined) return undefined;
  const request = await readBody(throughline, row.requestId, 'request');
  const response = await readBody(throughline, row.requestId, 'response');
  const answer = answerBytes(seen.marker);
  if (seen.isComplete || row.outcome === 'complete') {
    if (row.outcome !== 'complete') return `${seen.marker} was seen complete and is stored ${row.outcome}`;
    if (!request.equals(seen.request)) return `${seen.marker} has another request`;
    if (!response.equals(answer)) return `${seen.marker} has another response`;
    if (seen.isComplete && !response.equals(seen.body)) return `${seen.marker} was answered otherwise`;
    return undefined;
  }
  if (!isBeginning(request, seen.request)) return `${seen.marker} has bytes of another request`;
  if (!isBeginning(response, answer)) return `${seen.marker} has bytes of another response`;
  return undefined;
}

function isBeginning(part: Buffer, whole: Buffer): boolean {
  return part.equals(whole.subarray(0, part.length));
}

async function askAs(url: string, marker: string, request: Buffer): Promise<Witnessed> {
  const startedAtMs = performance.now();
  let connection: RawConnection | undefined;
  let failure: string | undefined;
  try {
    connection = await openRaw(url);
    await connection.ask(
      {
        method: 'POST',
        target: '/v1/messages?beta=true',
        headers: [
          ['content-type', 'application/json'],
          ['x-claude-code-session-id', marker],
        ],
        body: request,
      },
      60_000,
    );
  } catch (error) {
    failure = connection?.ended ?? (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    connection?.close();
  }
  const answer = connection?.answers[0];
  return {
    marker,
    request,
    status: answer?.status,
    body: answer?.body ?? Buffer.alloc(0),
    isComplete: answer?.isComplete ?? false,
    failure,
    tookMs: performance.now() - startedAtMs,
  };
}

function requestBody(
  random: SeededRandom,
  marker: string,
  [from, below]: readonly [number, number] = [500, 8_000],
): Buffer {
  const content = `${marker} ${prose(random, random.integer(from, below))}`;
  const messages = [{ role: 'user', content }];
  return Buffer.from(JSON.stringify({ model: 'claude-fake', max_tokens: 100, stream: true, messages }));
}

function answerPieces(marker: string, pauseMsMax: number): AnswerPiece[] {
  const random = seededRandom(crc32(marker));
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = { id: `msg_${marker}`, role: 'assistant', model: 'claude-answered', content: [], usage };
  const pieces: AnswerPiece[] = [event('message_start', { message })];
  for (let count = random.integer(3, 12); count > 0; count -= 1) {
    const delta = { type: 'text_delta', text: prose(random, random.integer(20, 400)) };
    const pauseMs = random.integer(0, pauseMsMax + 1);
    if (pauseMs > 0) pieces.push({ pauseMs });
    pieces.push(event('content_block_delta', { index: 0, delta }));
  }
  pieces.push(event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }));
  pieces.push(event('message_stop', {}));
  return pieces;
}

function answerBytes(marker: string): Buffer {
  const bytes = answerPieces(marker, 0).filter(isBytes);
  return Buffer.concat(bytes.map((piece) => Buffer.from(piece as Uint8Array)));
}
