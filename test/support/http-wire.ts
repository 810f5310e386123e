/**
 * A strict, incremental HTTP/1.1 message reader for tests. It keeps what Node's own parser hides: exact bytes,
 * order and case of fields, chunk framing and trailers. Pure: bytes in, events out.
 */
export type WireEvent =
  | { readonly kind: 'head'; readonly startLine: string; readonly headers: RawHeaders; readonly raw: Buffer }
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'complete'; readonly trailers: RawHeaders }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Name and value as they stood on the wire, Latin-1, in order, repeats kept. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** How the body of a message ends, judged from its head. */
export type WireFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

type ReaderState =
  | 'head'
  | 'length'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailers'
  | 'close'
  | 'broken';

export class WireReader {
  #state: ReaderState = 'head';
  #buffer: Buffer = Buffer.alloc(0);
  #left = 0;
  readonly #framingOf: (startLine: string, headers: RawHeaders) => WireFraming;

  /** @param framingOf decides from a head how its body ends; requests and answers differ */
  constructor(framingOf: (startLine: string, headers: RawHeaders) => WireFraming) {
    this.#framingOf = framingOf;
  }

  /** True between messages: a connection that ends here ended cleanly. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#buffer.length === 0;
  }

  /** True while a body that only the end of the connection ends is being read. */
  get endsWithConnection(): boolean {
    return this.#state === 'close';
  }

  feed(bytes: Uint8Array): WireEvent[] {
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#buffer, bytes]);
    const events: WireEvent[] = [];
    while (this.#step(events)) {
      // Each step consumes something; it returns false when it needs more bytes.
    }
    return events;
  }

  #step(events: WireEvent[]): boolean {
    switch (this.#state) {
      case 'head':
        return this.#head(events);
      case 'length':
      case 'chunk-data':
        return this.#data(events);
      case 'close':
        return this.#untilClose(events);
      case 'chunk-size':
        return this.#chunkSize(events);
      case 'chunk-end':
        return this.#chunkEnd(events);
      case 'trailers':
        return this.#trailers(events);
      case 'broken':
        return false;
    }
  }

  #head(events: WireEvent[]): boolean {
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const raw = this.#take(end + 4);
    const [startLine = '', ...lines] = raw.toString('latin1').slice(0, -4).split('\r\n');
    const headers = parseFields(lines);
    if (headers === undefined) return this.#fail(events, `malformed field in head: ${JSON.stringify(lines)}`);
    events.push({ kind: 'head', startLine, headers, raw });
    return this.#begin(events, this.#framingOf(startLine, headers));
  }

  #begin(events: WireEvent[], framing: WireFraming): boolean {
    if (framing.kind === 'chunked') this.#state = 'chunk-size';
    else if (framing.kind === 'close') this.#state = 'close';
    else if (framing.kind === 'none' || framing.bytes === 0) this.#complete(events, []);
    else {
      this.#state = 'length';
      this.#left = framing.bytes;
    }
    return true;
  }

  #data(events: WireEvent[]): boolean {
    if (this.#buffer.length === 0) return false;
    const bytes = this.#take(Math.min(this.#left, this.#buffer.length));
    this.#left -= bytes.length;
    events.push({ kind: 'body', bytes });
    if (this.#left > 0) return false;
    if (this.#state === 'length') this.#complete(events, []);
    else this.#state = 'chunk-end';
    return true;
  }

  #untilClose(events: WireEvent[]): boolean {
    if (this.#buffer.length > 0) events.push({ kind: 'body', bytes: this.#take(this.#buffer.length) });
    return false;
  }

  #chunkSize(events: WireEvent[]): boolean {
    const line = this.#takeLine();
    if (line === undefined) return false;
    const size = /^[0-9A-Fa-f]{1,8}(?:;.*)?$/.test(line) ? Number.parseInt(line, 16) : undefined;
    if (size === undefined) return this.#fail(events, `malformed chunk size ${JSON.stringify(line)}`);
    this.#left = size;
    this.#state = size === 0 ? 'trailers' : 'chunk-data';
    return true;
  }

  #chunkEnd(events: WireEvent[]): boolean {
    const line = this.#takeLine();
    if (line === undefined) return false;
    if (line !== '') return this.#fail(events, 'chunk does not end with CRLF');
    this.#state = 'chunk-size';
    return true;
  }

  #trailers(events: WireEvent[]): boolean {
    if (this.#buffer.indexOf('\r\n') === 0) {
      this.#take(2);
      this.#complete(events, []);
      return true;
    }
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const lines = this.#take(end + 4)
      .toString('latin1')
      .slice(0, -4)
      .split('\r\n');
    const trailers = parseFields(lines);
    if (trailers === undefined) return this.#fail(events, 'malformed trailer');
    this.#complete(events, trailers);
    return true;
  }

  #complete(events: WireEvent[], trailers: RawHeaders): void {
    this.#state = 'head';
    events.push({ kind: 'complete', trailers });
  }

  #fail(events: WireEvent[], reason: string): boolean {
    this.#state = 'broken';
    events.push({ kind: 'invalid', reason });
    return false;
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  #takeLine(): string | undefined {
    const end = this.#buffer.indexOf('\r\n');
    if (end < 0) return undefined;
    return this.#take(end + 2)
      .toString('latin1')
      .slice(0, -2);
  }
}

export function requestFraming(_startLine: string, headers: RawHeaders): WireFraming {
  if (isChunked(headers)) return { kind: 'chunked' };
  return { kind: 'length', bytes: Number(headerValue(headers, 'content-length') ?? 0) };
}

/** @param method of the request that is answered: an answer to HEAD has no body */
export function answerFraming(method: string, startLine: string, headers: RawHeaders): WireFraming {
  const status = Number(startLine.split(' ')[1]);
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  if (isChunked(headers)) return { kind: 'chunked' };
  const length = headerValue(headers, 'content-length');
  return length === undefined ? { kind: 'close' } : { kind: 'length', bytes: Number(length) };
}

/** The first value of a field, by name without case; undefined when absent. */
export function headerValue(headers: RawHeaders, name: string): string | undefined {
  return headers.find(([candidate]) => candidate.toLowerCase() === name.toLowerCase())?.[1];
}

function isChunked(headers: RawHeaders): boolean {
  return /(?:^|,)\s*chunked\s*$/i.test(headerValue(headers, 'transfer-encoding') ?? '');
}

function parseFields(lines: readonly string[]): [string, string][] | undefined {
  const fields: [string, string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0 || /[\s]/.test(line.slice(0, colon))) return undefined;
    fields.push([line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]);
  }
  return fields;
}
