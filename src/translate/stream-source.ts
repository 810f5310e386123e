import { createSseReader, jsonBytesMax, type SseEvent, utf8 } from '#formats';

/** One line of a provider, or what it makes us hold back, may not grow beyond this. */
export const heldMax = jsonBytesMax;

export interface StreamSource {
  feed(chunk: Uint8Array): readonly SseEvent[];
  /** What is left when the stream is over. */
  finish(): readonly Pick<SseEvent, 'event' | 'data'>[];
  /** Bytes since the last complete event. */
  readonly heldBytes: number;
}

/** Events, or a JSON body in their place: the first character tells which. */
export function createStreamSource(): StreamSource {
  const sse = createSseReader();
  const json: Buffer[] = [];
  let kind: 'unknown' | 'events' | 'json' = 'unknown';
  let heldBytes = 0;

  function feed(chunk: Uint8Array): readonly SseEvent[] {
    heldBytes += chunk.length;
    if (kind === 'unknown') kind = kindOf(chunk);
    if (kind === 'json') {
      if (heldBytes <= heldMax) json.push(Buffer.from(chunk)); // The caller may reuse its memory.
      return [];
    }
    const events = sse.feed(chunk);
    if (events.length > 0) heldBytes = 0;
    return events;
  }

  return {
    feed,
    finish() {
      const last = sse.finish();
      if (kind === 'json') return [{ event: 'message', data: utf8(Buffer.concat(json)) }];
      return last === undefined ? [] : [last];
    },
    get heldBytes() {
      return heldBytes;
    },
  };
}

function kindOf(chunk: Uint8Array): 'unknown' | 'events' | 'json' {
  const first = chunk.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  if (first === undefined) return 'unknown';
  return first === 0x7b || first === 0x5b ? 'json' : 'events';
}
