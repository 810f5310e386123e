import type { DataHealth, OpenRequest } from '#api';
import type { StoredExchange } from '#store';
import { ApiProblem } from './api-problem.ts';
import { eventFrame, heartbeatFrame, storedFrame } from './live-frames.ts';
import { LiveListener, type LivePlace } from './live-listener.ts';
import { createLiveStates } from './live-states.ts';
import type { StoreAccess } from './store-access.ts';

export interface LiveOptions {
  readonly access: StoreAccess;
  readonly health: () => Promise<DataHealth>;
  readonly openRequests: () => Promise<readonly OpenRequest[]>;
  /** Hears about failures of a look at the store, once until it works again. */
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
  /** Listeners that did not keep up. */
  readonly dropped: number;
  /** Ends every stream. */
  close(): void;
}

const lookEveryMs = 50;
const heartbeatEveryMs = 15_000;
const listenersMax = 100;
/** Unread bytes of one listener, over which it is dropped. */
const bufferBytesMax = 1024 * 1024;
/** A new listener that missed more events is told to start over. */
const replayMax = 1000;
/** More at once is not told one by one. */
const eventsAtOnceMax = 5000;
const eventsPerRead = 200;

export function createLive({ access, health, openRequests, onTrouble }: LiveOptions): Live {
  const listeners = new Map<LiveListener, () => void>();
  const states = createLiveStates(health, openRequests);
  /** Sequence up to which everybody has been told; undefined while nobody listens. */
  let head: number | undefined;
  /** Which store `head` belongs to, and which opening of it: its file may have been exchanged for a copy of it. */
  let epoch = '';
  let openings = 0;
  let dropped = 0;
  let isTroubled = false;
  let isLooking = false;
  let nextLook: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;

  function send(listener: LiveListener, frame: Uint8Array): void {
    const cut = listeners.get(listener);
    if (!cut || listener.send(frame)) return;
    // A slow reader gets no queue that grows: it may come back and go on where it was.
    dropped += 1;
    leave(listener);
    cut();
  }

  function leave(listener: LiveListener): void {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearTimeout(nextLook);
    clearInterval(heartbeat);
    nextLook = heartbeat = head = undefined;
    states.forget();
  }

  async function look(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      await states.lookAtHealth();
      tellStates();
      await lookAtStored();
      await states.lookAtOpen();
      tellStates();
      isTroubled = false;
    } catch (error) {
      if (!isTroubled) onTrouble(error);
      isTroubled = true;
    } finally {
      isLooking = false;
      if (listeners.size > 0) nextLook = setTimeout(look, lookEveryMs);
    }
  }

  function tellStates(): void {
    for (const listener of listeners.keys()) {
      for (const [kind, frame] of states.frames) if (listener.isNews(kind, frame)) send(listener, frame);
    }
  }

  async function lookAtStored(): Promise<void> {
    const [found, last] = await access.use((store) => Promise.all([store.epoch(), store.lastSequence()]));
    const isAnother = access.openings !== openings || found !== epoch;
    openings = access.openings;
    epoch = found;
    const known = head ?? last;
    if (isAnother || last < known || last - known > eventsAtOnceMax) startOver(last);
    else await tellStoredAfter(known, last);
    head = listeners.size > 0 ? last : undefined;
    for (const listener of listeners.keys())
      if (listener.position === undefined) await welcome(listener, last);
  }

  async function tellStoredAfter(known: number, last: number): Promise<void> {
    for await (const exchange of storedBetween(known, last)) {
      const frame = storedFrame(exchange, epoch);
      for (const listener of listeners.keys()) {
        if (listener.position === undefined || listener.position >= exchange.sequence) continue;
        listener.position = exchange.sequence;
        send(listener, frame);
      }
    }
  }

  /** What was stored after the one place and up to the other. */
  async function* storedBetween(after: number, last: number): AsyncGenerator<StoredExchange> {
    while (after < last) {
      const from = after;
      const stored = await access.use((store) => store.storedAfter(from, eventsPerRead));
      for (const exchange of stored) if (exchange.sequence <= last) yield exchange;
      // The last ones may have been deleted.
      after = stored.at(-1)?.sequence ?? last;
    }
  }

  /** The store may be another one, or so much came at once that telling all of it helps nobody. */
  function startOver(last: number): void {
    for (const listener of listeners.keys()) {
      if (listener.position === undefined) continue;
      listener.position = last;
      send(listener, placeFrame('reset', last));
    }
  }

  /** @param place where the listener is after this event */
  function placeFrame(event: 'ready' | 'reset', last: number, place = last): Uint8Array {
    return eventFrame(event, { lastSequence: last }, { epoch, sequence: place });
  }

  /** Tells a new listener where it is, and what it missed. */
  async function welcome(listener: LiveListener, last: number): Promise<void> {
    const from = listener.resumeAfter;
    listener.position = last;
    if (from === undefined) send(listener, placeFrame('ready', last));
    else if (!isWithinReach(from, last)) send(listener, placeFrame('reset', last));
    else {
      // A break before the next event must begin there again.
      send(listener, placeFrame('ready', last, from.sequence));
      for await (const exchange of storedBetween(from.sequence, last))
        send(listener, storedFrame(exchange, epoch));
    }
  }

  function isWithinReach(from: LivePlace | 'unreadable', last: number): from is LivePlace {
    if (from === 'unreadable' || (from.epoch ?? epoch) !== epoch) return false;
    return from.sequence <= last && last - from.sequence <= replayMax;
  }

  function enter(listener: LiveListener, cut: () => void): void {
    listeners.set(listener, cut);
    // The answer begins at once, even while the store cannot be read.
    send(listener, heartbeatFrame);
    heartbeat ??= setInterval(() => {
      for (const each of listeners.keys()) send(each, heartbeatFrame);
    }, heartbeatEveryMs);
    clearTimeout(nextLook);
    void look();
  }

  return {
    listen(lastEventId, cut) {
      if (listeners.size >= listenersMax)
        throw new ApiProblem('too-busy', 'Too many listeners are connected.');
      let listener: LiveListener;
      const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        listener = new LiveListener(controller, lastEventId);
        enter(listener, cut);
      };
      return new ReadableStream<Uint8Array>(
        { start, cancel: () => leave(listener) },
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
      for (const listener of [...listeners.keys()]) {
        leave(listener);
        listener.end();
      }
    },
  };
}
