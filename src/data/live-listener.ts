/** One reader of live events. */
export class LiveListener {
  /** Sequence of the last event it was told; undefined until it has been welcomed. */
  position: number | undefined;
  /** Where it was before it came; undefined = from now on, NaN = unreadable. */
  readonly resumeAfter: number | undefined;
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

function readPlace(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  return /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
}
