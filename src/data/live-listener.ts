/** What the id of an event says: a place in the order of storing, and the store whose order is meant. */
export interface LivePlace {
  /** `Store.epoch`; undefined = whichever store there is. */
  readonly epoch?: string;
  readonly sequence: number;
}

/** One reader of live events. */
export class LiveListener {
  /** Sequence of the last event it was told; undefined until it has been welcomed. */
  position: number | undefined;
  /** Where it was before it came; undefined = from now on. */
  readonly resumeAfter: LivePlace | 'unreadable' | undefined;
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #told = new Map<string, Uint8Array>();

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, lastEventId: string | undefined) {
    this.#controller = controller;
    this.resumeAfter = readPlace(lastEventId);
  }

  /** False when it has not read what it was sent before and there is no room for more. */
  send(frame: Uint8Array): boolean {
    if ((this.#controller.desiredSize ?? 0) < frame.length) return false;
    this.#controller.enqueue(frame);
    return true;
  }

  /** True when this frame about the kind of state is news to it; from then on it is not. */
  isNews(kind: string, frame: Uint8Array): boolean {
    const isNew = this.#told.get(kind) !== frame;
    this.#told.set(kind, frame);
    return isNew;
  }

  end(): void {
    this.#controller.close();
  }
}

function readPlace(lastEventId: string | undefined): LiveListener['resumeAfter'] {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const [, epoch, sequence] = /^(?:([0-9a-z]{1,20})-)?(\d{1,15})$/.exec(lastEventId) ?? [];
  if (sequence === undefined) return 'unreadable';
  return { ...(epoch === undefined ? {} : { epoch }), sequence: Number(sequence) };
}
