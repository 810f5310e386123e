import type { DataHealth } from '#api';
import type { StoredExchange } from '#store';
import { ApiProblem } from './api-problem.ts';
import { openRequest, requestSummary } from './request-summary.ts';
import type { StoreAccess } from './store-access.ts';

export interface LiveOptions {
  readonly access: StoreAccess;
  readonly health: () => Promise<DataHealth>;
  readonly listenersMax?: number;
  /** A listener that missed more events than this is told to start over. */
  readonly replayMax?: number;
  /** Unread bytes of one listener, over which it is dropped. */
  readonly bufferBytesMax?: number;
  readonly heartbeatMs?: number;
  /** Hears about failures of a look at the store, at most once until it works again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Tells any number of listeners what happens, from one look at the store every 50 ms. */
export interface Live {
  /**
   * A stream of server-sent events. Throws `too-busy` when there are too many.
   * @param lastEventId where the listener was before; undefined = from now on
   * @param cut closes the connection of a listener that does not keep up
   */
  listen(lastEventId: string | undefined, cut: () => void): ReadableStream<Uint8Array>;
  readonly listeners: number;
  readonly dropped: number;
  /** Ends every stream. */
  close(): void;
}

interface Listener {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly cut: () => void;
  /** Where it was before it came; undefined = from now on, NaN = unreadable. */
  readonly resumeAfter: number | undefined;
  /** Sequence of the last event it was told; undefined until it has been welcomed. */
  position: number | undefined;
  /** The states it was told last: a frame that is not this one is news. */
  toldHealth: Uint8Array | undefined;
  toldOpen: Uint8Array | undefined;
}

const pollMs = 50;
const openEveryMs = 500;
const healthEveryMs = 1000;
const eventsPerLook = 200;

export function createLive(options: LiveOptions): Live {
  const { access, health, onTrouble } = options;
  const {
    listenersMax = 100,
    replayMax = 1000,
    bufferBytesMax = 1024 * 1024,
    heartbeatMs = 15_000,
  } = options;
  const listeners = new Set<Listener>();
  let dropped = 0;
  /** Sequence up to which everybody has been told; undefined while nobody listens. */
  let head: number | undefined;
  let openFrame: Uint8Array | undefined;
  let openText = '';
  let healthFrame: Uint8Array | undefined;
  let healthKey = '';
  let lookedAtOpen = 0;
  let lookedAtHealth = 0;
  let isTroubled = false;
  let timer: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let isLooking = false;

  function send(listener: Listener, bytes: Uint8Array): void {
    if (!listeners.has(listener)) return;
    // A slow reader gets no queue of its own that grows: it may come back and continue.
    if ((listener.controller.desiredSize ?? 0) >= bytes.length) {
      listener.controller.enqueue(bytes);
      return;
    }
    dropped += 1;
    leave(listener);
    listener.cut();
  }

  function tellStates(): void {
    for (const listener of listeners) {
      if (healthFrame && listener.toldHealth !== healthFrame) send(listener, healthFrame);
      if (openFrame && listener.toldOpen !== openFrame) send(listener, openFrame);
      listener.toldHealth = healthFrame;
      listener.toldOpen = openFrame;
    }
  }

  function leave(listener: Listener): void {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearTimeout(timer);
    clearInterval(heartbeat);
    // Whoever comes next is told how things stand then.
    timer = heartbeat = head = openFrame = healthFrame = undefined;
  }

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      await lookAtHealth();
      tellStates();
      await lookAtStored();
      await lookAtOpen();
      tellStates();
      isTroubled = false;
    } catch (error) {
      if (!isTroubled) onTrouble(error);
      isTroubled = true;
    } finally {
      isLooking = false;
      if (listeners.size > 0) timer = setTimeout(look, pollMs);
    }
  }

  async function lookAtStored(): Promise<void> {
    const last = await access.use((store) => store.lastSequence());
    head ??= last;
    if (last < head || last - head > replayMax * 5) startOver(last);
    while (listeners.size > 0 && head < last) {
      const stored = await storedAfter(head);
      for (const exchange of stored) tellStored(exchange);
      head =
        stored.length < eventsPerLook
          ? Math.max(last, stored.at(-1)?.sequence ?? 0)
          : stored.at(-1)!.sequence;
    }
    for (const listener of listeners) if (listener.position === undefined) await welcome(listener, head);
  }

  function storedAfter(sequence: number): Promise<StoredExchange[]> {
    return access.use((store) => store.storedAfter(sequence, eventsPerLook));
  }

  function tellStored(exchange: StoredExchange): void {
    const bytes = storedFrame(exchange);
    for (const listener of listeners) {
      if (listener.position === undefined || listener.position >= exchange.sequence) continue;
      listener.position = exchange.sequence;
      send(listener, bytes);
    }
  }

  /** The store is another one, or so much came at once that telling all of it helps nobody. */
  function startOver(last: number): void {
    head = last;
    for (const listener of listeners) {
      if (listener.position === undefined) continue;
      listener.position = last;
      send(listener, frame('reset', { lastSequence: last }, last));
    }
  }

  /** Tells a new listener where it is, and what it missed. */
  async function welcome(listener: Listener, last: number): Promise<void> {
    const from = listener.resumeAfter;
    if (from === undefined) {
      listener.position = last;
      send(listener, frame('ready', { lastSequence: last }, last));
    } else if (!(from <= last && last - from <= replayMax)) {
      listener.position = last;
      send(listener, frame('reset', { lastSequence: last }, last));
    } else {
      // Without an id: a break during the replay must continue the replay.
      listener.position = from;
      send(listener, frame('ready', { lastSequence: last }));
      await replay(listener, from, last);
    }
  }

  async function replay(listener: Listener, from: number, last: number): Promise<void> {
    for (let after = from; after < last; ) {
      const stored = await storedAfter(after);
      for (const exchange of stored) {
        listener.position = exchange.sequence;
        send(listener, storedFrame(exchange));
      }
      if (stored.length === 0) return;
      after = stored.at(-1)!.sequence;
    }
  }

  async function lookAtOpen(): Promise<void> {
    const now = performance.now();
    if (openFrame && now - lookedAtOpen < openEveryMs) return;
    lookedAtOpen = now;
    const requests = (await access.use((store) => store.openExchanges())).map(openRequest);
    const text = JSON.stringify(requests);
    if (openFrame && text === openText) return;
    openText = text;
    openFrame = frame('open', { requests });
  }

  async function lookAtHealth(): Promise<void> {
    const now = performance.now();
    if (healthFrame && now - lookedAtHealth < healthEveryMs) return;
    lookedAtHealth = now;
    const { status, database, recorder } = await health();
    const key = `${status} ${database} ${recorder.state}`;
    if (healthFrame && key === healthKey) return;
    healthKey = key;
    healthFrame = frame('health', { status, database, recorder });
  }

  return {
    listen(lastEventId, cut) {
      if (listeners.size >= listenersMax)
        throw new ApiProblem('too-busy', 'Too many listeners are connected.');
      let listener: Listener;
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            listener = newListener(controller, cut, lastEventId);
            listeners.add(listener);
            // The answer begins at once, even while the store cannot be read.
            send(listener, comment);
            heartbeat ??= setInterval(() => {
              for (const each of listeners) send(each, comment);
            }, heartbeatMs);
            clearTimeout(timer);
            void look();
          },
          cancel: () => leave(listener),
        },
        new ByteLengthQueuingStrategy({ highWaterMark: bufferBytesMax }),
      );
    },
    get listeners() {
      return listeners.size;
    },
    get dropped() {
      return dropped;
    },
    close() {
      for (const listener of listeners) {
        leave(listener);
        listener.controller.close();
      }
    },
  };
}

function newListener(
  controller: ReadableStreamDefaultController<Uint8Array>,
  cut: () => void,
  lastEventId: string | undefined,
): Listener {
  const resumeAfter = readPlace(lastEventId);
  return { controller, cut, resumeAfter, position: undefined, toldHealth: undefined, toldOpen: undefined };
}

const comment = Buffer.from(':\n\n');

function storedFrame(exchange: StoredExchange): Uint8Array {
  return frame('request-stored', requestSummary(exchange), exchange.sequence);
}

/** JSON has no line breaks, so one `data:` line is enough. */
function frame(event: string, data: unknown, id?: number): Uint8Array {
  return Buffer.from(
    `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  );
}

function readPlace(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  return /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
}
