import { createSseReader, type SseEvent } from '#formats';

/** One listener of `/api/v2/events`. */
export interface EventListener extends AsyncDisposable {
  readonly response: Response;
  /** The next event with this name; events before it are passed over. Rejects when the stream ends first. */
  next(name: string): Promise<SseEvent & { readonly json: Record<string, unknown> }>;
  /** Resolves when the server ended the stream. */
  ended(): Promise<void>;
}

export async function listenToEvents(
  url: string,
  headers: Record<string, string> = {},
): Promise<EventListener> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const reader = response.body!.getReader();
  const events = createSseReader();
  const waiting: SseEvent[] = [];

  async function read(): Promise<boolean> {
    const { done, value } = await reader.read();
    if (value) waiting.push(...events.feed(value));
    return !done;
  }

  return {
    response,
    async next(name) {
      for (;;) {
        const event = waiting.shift();
        if (event?.event === name) return { ...event, json: JSON.parse(event.data) };
        if (!event && !(await read())) throw new Error(`the stream ended before ${name} came`);
      }
    },
    async ended() {
      while (await read());
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await reader.cancel().catch(() => undefined);
    },
  };
}
