import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { RecorderConfig } from '#config';
import type { JournalConfig } from '#core-config';
import {
  type BodySide,
  type BodyTally,
  type ExchangeClosed,
  type ExchangeId,
  type ExchangeOpened,
  type HeaderList,
  newExchangeId,
  type RouteChosen,
} from '#exchange';
import { type JournalOptions, type JournalWriter, openJournal } from '#journal/write';
import { openStore, type Store, type StoredExchange } from '#store';
import { makeTempDir, type TempDir, waitFor } from '#test-support';
import type { RecorderLog } from './recorder.ts';
import { runRecorder } from './run-recorder.ts';

/** A data directory with a journal that tests write into, a recorder, and the store it fills. */
export interface RecorderHome {
  readonly dir: TempDir;
  readonly config: RecorderConfig;
  journal(options?: JournalOptions & Partial<JournalConfig>): Promise<JournalWriter>;
  start(): RunningRecorder;
  /** A reader of the store; close it. */
  store(): Promise<Store>;
  remove(): Promise<void>;
}

export interface RunningRecorder {
  readonly ended: Promise<void>;
  readonly lines: string[];
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export function makeRecorderHome(changes: Partial<RecorderConfig> = {}): RecorderHome {
  const dir = makeTempDir('recorder');
  const journalDirectory = dir.join('journal');
  const config: RecorderConfig = {
    dataDir: dir.path,
    journalDirectory,
    store: { engine: 'sqlite', path: dir.join('throughline.db') },
    replayAgeMsMax: 86_400_000,
    replayBytesMax: 1_000_000_000,
    logLevel: 'warn',
    ...changes,
  };
  const running = new Set<RunningRecorder>();
  const writers = new Set<JournalWriter>();
  return {
    dir,
    config,
    async journal(options = {}) {
      const writer = await openJournal(journalConfig(journalDirectory, options), options);
      writers.add(writer);
      return writer;
    },
    start() {
      const recorder = startRecorder(config);
      running.add(recorder);
      return recorder;
    },
    store: () => openStore(config.store, { role: 'reader' }),
    async remove() {
      for (const recorder of running) await recorder.stop();
      for (const writer of writers) await writer.close();
      dir.remove();
    },
  };
}

function journalConfig(directory: string, changes: Partial<JournalConfig>): JournalConfig {
  return {
    directory,
    pendingBytesMax: changes.pendingBytesMax ?? 64 * 1024 * 1024,
    segmentBytesMax: changes.segmentBytesMax ?? 16 * 1024 * 1024,
    segmentAgeMsMax: changes.segmentAgeMsMax ?? 3_600_000,
    durability: 'process',
    fsyncIntervalMs: 20,
    quotaBytes: changes.quotaBytes ?? 4_000_000_000,
    ballastBytes: 0,
    bodyBytesMax: changes.bodyBytesMax ?? 256 * 1024 * 1024,
  };
}

function startRecorder(config: RecorderConfig): RunningRecorder {
  const drain = new AbortController();
  const stop = new AbortController();
  const lines: string[] = [];
  const line = (_: object, message: string): void => void lines.push(message);
  const log: RecorderLog = { info: line, warn: line, error: line };
  const ended = runRecorder(config, {
    log,
    onReady: () => lines.push('ready'),
    drain: drain.signal,
    stop: stop.signal,
    lockWaitMs: 500,
    retentionEveryMs: 100,
  });
  // Whoever awaits `ended` sees the error; nobody else must crash because of it.
  ended.catch(() => undefined);
  return {
    ended,
    lines,
    async drain() {
      drain.abort();
      await ended;
    },
    async stop() {
      stop.abort();
      await ended.catch(() => undefined);
    },
  };
}

export function anExchangeId(): ExchangeId {
  return newExchangeId(Date.now(), randomBytes(10));
}

export function opened(changes: Partial<ExchangeOpened> = {}): ExchangeOpened {
  return {
    receivedAtMs: Date.now(),
    method: 'POST',
    target: '/v1/messages?beta=true',
    httpVersion: '1.1',
    headers: ['content-type', 'application/json'],
    coreVersion: '0.0.0-test',
    ...changes,
  };
}

export const anthropicRoute: RouteChosen = {
  provider: 'anthropic',
  format: 'anthropic',
  reason: 'the only provider',
  upstreamTarget: '/v1/messages?beta=true',
};

export interface WrittenExchange {
  readonly id: ExchangeId;
  readonly request: Buffer;
  readonly response: Buffer;
}

export interface ExchangeToWrite {
  readonly id?: ExchangeId;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly target?: string;
  readonly requestHeaders?: HeaderList;
  readonly responseHeaders?: HeaderList;
  readonly status?: number;
  /** Lengths of the pieces in which the response arrives; the rest comes in one. */
  readonly pieces?: readonly number[];
  readonly closed?: Partial<ExchangeClosed>;
}

/** Writes one whole exchange as core would and waits until its end is on disk. */
export async function writeExchange(
  writer: JournalWriter,
  exchange: ExchangeToWrite,
): Promise<WrittenExchange> {
  const id = exchange.id ?? anExchangeId();
  const request = Buffer.from(exchange.request);
  const response = Buffer.from(exchange.response);
  const log = writer.open(id, opened(openedChanges(exchange)));
  log.bytes('request', request);
  log.routeChosen(anthropicRoute);
  log.attemptStarted({ attempt: 1, provider: 'anthropic', origin: 'https://provider.test' });
  log.attemptEnded({ attempt: 1, result: 'answered', status: exchange.status ?? 200 });
  log.responseOpened({
    source: 'provider',
    status: exchange.status ?? 200,
    statusText: 'OK',
    httpVersion: '1.1',
    headers: exchange.responseHeaders ?? ['content-type', 'text/event-stream', 'request-id', `req_${id}`],
  });
  let at = 0;
  for (const length of [...(exchange.pieces ?? []), response.length]) {
    const piece = response.subarray(at, at + length);
    at += piece.length;
    if (piece.length > 0) log.bytes('response', piece);
  }
  await log.closed({ ...closing(request, response), ...exchange.closed });
  return { id, request, response };
}

function openedChanges(exchange: ExchangeToWrite): Partial<ExchangeOpened> {
  return {
    ...(exchange.target === undefined ? {} : { target: exchange.target }),
    ...(exchange.requestHeaders === undefined ? {} : { headers: exchange.requestHeaders }),
  };
}

export function tally(bytes: Uint8Array): BodyTally {
  return { bytes: bytes.length, crc32: crc32(bytes) };
}

/** How core closes an exchange that went well. */
export function closing(
  request: Uint8Array,
  response: Uint8Array,
): Omit<ExchangeClosed, 'requestBytesDropped' | 'responseBytesDropped'> {
  return {
    end: 'finished',
    requestReceived: tally(request),
    requestSent: tally(request),
    responseReceived: tally(response),
    responseSent: tally(response),
    requestComplete: true,
  };
}

/** Waits until the store has so many exchanges and gives all of them, oldest first. */
export async function storedExchanges(home: RecorderHome, count: number): Promise<StoredExchange[]> {
  const store = await home.store();
  try {
    await waitFor(async () => (await store.lastSequence()) >= count, {
      timeoutMs: 30_000,
      what: `${count} stored exchanges`,
    });
    return await store.storedAfter(0, count + 1_000);
  } finally {
    await store.close();
  }
}

export async function bodyOf(store: Store, id: ExchangeId, side: BodySide): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await store.body(id, side)) ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Events of the Messages API, in words of our own. */
export function sse(
  ...events: readonly { readonly type: string; readonly [key: string]: unknown }[]
): Buffer {
  return Buffer.from(
    events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  );
}

export function answerEvents(text: string): Buffer {
  return sse(
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-answered',
        content: [],
        stop_reason: null,
        usage: { input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 7 } },
    { type: 'message_stop' },
  );
}

export function askBody(changes: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      model: 'claude-asked',
      messages: [
        { role: 'user', content: 'Count the windows of the lighthouse, please, and say how many there are.' },
      ],
      system: [
        { type: 'text', text: 'You keep a lighthouse and answer in short sentences about it, nothing else.' },
      ],
      stream: true,
      ...changes,
    }),
  );
}
