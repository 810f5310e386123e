/** One server-sent event. Offsets count bytes of the stream. */
export interface SseEvent {
  /** `message` when the stream named none. */
  readonly event: string;
  /** The `data:` lines joined with a line feed. */
  readonly data: string;
  readonly id?: string;
  /** First byte of the first line of the event. */
  readonly startOffset: number;
  /** After the byte that completed the event; for a stream of CRLF lines this is before the last LF. */
  readonly endOffset: number;
  /** The data was longer than 32 MiB and is cut. */
  readonly isCut?: true;
  /** The stream ended before the blank line that completes the event. */
  readonly isPartial?: true;
}

export interface SseReader {
  /** Any slice of the stream, in order; gives the events that it completes. Keeps no reference to `bytes`. */
  feed(bytes: Uint8Array): SseEvent[];
  /** The end of the stream: gives the event that never got its blank line, if there is one. */
  finish(): SseEvent | undefined;
}

const dataBytesMax = 32 * 1024 * 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Splits a stream into events, lenient like a browser: LF, CRLF and CR end a line, a BOM and comments are skipped,
 * unknown fields are ignored. It never fails and never cares where slices end.
 */
export function createSseReader(): SseReader {
  let offset = 0;
  /** Pieces of a line whose end has not come yet. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  /** The last byte was a CR: an LF that follows belongs to it. */
  let isAfterCr = false;
  let isFirstLine = true;

  let name = '';
  let id: string | undefined;
  let data: string[] = [];
  let dataBytes = 0;
  let hasData = false;
  let isCut = false;
  let startOffset = -1;

  function feed(slice: Uint8Array): SseEvent[] {
    const bytes = Buffer.from(slice.buffer, slice.byteOffset, slice.length);
    const events: SseEvent[] = [];
    let at = 0;
    if (isAfterCr && bytes.length > 0) {
      if (bytes[0] === lineFeed) at = 1;
      isAfterCr = false;
    }

    let nextCr = bytes.indexOf(carriageReturn, at);
    while (at < bytes.length) {
      if (nextCr >= 0 && nextCr < at) nextCr = bytes.indexOf(carriageReturn, at);
      let lineEnd = bytes.indexOf(lineFeed, at);
      if (nextCr >= 0 && (lineEnd < 0 || nextCr < lineEnd)) lineEnd = nextCr;
      if (lineEnd < 0) break;

      const lineOffset = offset + at - pendingBytes;
      takeLine(wholeLine(bytes.subarray(at, lineEnd)), lineOffset, offset + lineEnd + 1, events);
      at = lineEnd + 1;
      if (bytes[lineEnd] !== carriageReturn) continue;
      if (at === bytes.length) isAfterCr = true;
      else if (bytes[at] === lineFeed) at += 1;
    }

    if (at < bytes.length) keep(bytes.subarray(at));
    offset += bytes.length;
    return events;
  }

  function finish(): SseEvent | undefined {
    const events: SseEvent[] = [];
    if (pendingBytes > 0) takeLine(wholeLine(Buffer.alloc(0)), offset - pendingBytes, offset, events);
    return hasData || name !== '' ? { ...takeEvent(offset), isPartial: true } : undefined;
  }

  function keep(piece: Buffer): void {
    pending.push(Buffer.from(piece)); // The caller may reuse its memory.
    pendingBytes += piece.length;
  }

  function wholeLine(lastPiece: Buffer): Buffer {
    if (pendingBytes === 0) return lastPiece;
    const line = Buffer.concat([...pending, lastPiece]);
    pending = [];
    pendingBytes = 0;
    return line;
  }

  function takeLine(line: Buffer, lineOffset: number, endOffset: number, events: SseEvent[]): void {
    if (isFirstLine) {
      isFirstLine = false;
      if (line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) line = line.subarray(3);
    }
    if (line.length === 0) {
      if (hasData || name !== '') events.push(takeEvent(endOffset));
      startOffset = -1;
      return;
    }
    if (startOffset < 0) startOffset = lineOffset;
    takeField(line);
  }

  function takeField(line: Buffer): void {
    const separator = line.indexOf(0x3a);
    if (separator === 0) return; // A comment.
    const field =
      separator < 0 ? line.toString('latin1') : line.toString('latin1', 0, Math.min(separator, 8));
    let valueStart = separator < 0 ? line.length : separator + 1;
    if (line[valueStart] === 0x20) valueStart += 1;
    if (field === 'data') takeData(line, valueStart);
    else if (field === 'event') name = line.toString('utf8', valueStart, valueStart + 256);
    else if (field === 'id') id = line.toString('utf8', valueStart, valueStart + 256);
  }

  function takeData(line: Buffer, valueStart: number): void {
    hasData = true;
    const room = dataBytesMax - dataBytes;
    if (line.length - valueStart > room) isCut = true;
    if (room <= 0) return;
    const value = line.toString('utf8', valueStart, Math.min(line.length, valueStart + room));
    data.push(value);
    dataBytes += line.length - valueStart + 1;
  }

  function takeEvent(endOffset: number): SseEvent {
    const event: SseEvent = {
      event: name === '' ? 'message' : name,
      data: data.length === 1 ? data[0]! : data.join('\n'),
      ...(id === undefined ? {} : { id }),
      startOffset: Math.max(startOffset, 0),
      endOffset,
      ...(isCut ? { isCut: true as const } : {}),
    };
    name = '';
    id = undefined;
    data = [];
    dataBytes = 0;
    hasData = false;
    isCut = false;
    return event;
  }

  return { feed, finish };
}
