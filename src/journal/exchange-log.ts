import type {
  AttemptEnded,
  AttemptStarted,
  BodySide,
  ExchangeClosed,
  ExchangeId,
  ExchangeOpened,
  Gap,
  GapReason,
  JournalKind,
  ProviderGap,
  ResponseOpened,
  RosterMember,
  RouteChosen,
} from '#exchange';
import { exchangeIdToBytes, providerSides } from '#exchange';
import { frameFlags, headerBytes, payloadBytesMax } from './format.ts';
import type { ExchangeJournal } from './journal-writer.ts';
import {
  encodeHeadPayload,
  type FrameOwner,
  type FrameToEncode,
  type PendingFrame,
} from './pending-frame.ts';

/** What the journal of one exchange asks of the writer. */
export interface FrameSink {
  readonly bodyBytesMax: number;
  nowUs(): number;
  put(frame: FrameToEncode): void;
  /** Why body bytes can not be taken at the moment; undefined when they can. */
  refusal(bytes: number): GapReason | undefined;
  countDropped(reason: GapReason, bytes: number, isFirstOfBody: boolean): void;
  /** True while nothing can be written: an end need not wait then. */
  readonly isStuck: boolean;
  ended(log: ExchangeLog): void;
}

/** One body as far as it went into the journal. */
interface BodyState {
  /** Bytes handed to the writer. */
  taken: number;
  dropped: number;
  /** Dropped bytes that no gap frame tells of yet. */
  untold: number;
  untoldReason: GapReason;
  /** Bytes that are written, and those of them in segment `inSegment`. */
  written: number;
  writtenInSegment: number;
  inSegment: number;
}

export type ClosedFacts = Omit<ExchangeClosed, 'requestBytesDropped' | 'responseBytesDropped'>;

export class ExchangeLog implements ExchangeJournal, FrameOwner, RosterMember {
  rosterPlace = -1;
  readonly id: ExchangeId;
  readonly idBytes: Buffer;
  readonly #sink: FrameSink;
  readonly #opened: ExchangeOpened;
  readonly #request: BodyState = newBody();
  readonly #response: BodyState = newBody();
  /** Only where the provider's end has other bytes. */
  #providerRequest: BodyState | undefined;
  #providerResponse: BodyState | undefined;
  #sequence = 0;
  #openedInSegment = 0;
  #closed: ClosedFacts | undefined;

  constructor(id: ExchangeId, opened: ExchangeOpened, sink: FrameSink) {
    this.id = id;
    this.idBytes = exchangeIdToBytes(id);
    this.#sink = sink;
    this.#opened = opened;
    this.#putHead('exchange-opened', opened);
  }

  routeChosen(route: RouteChosen): void {
    this.#putHead('route-chosen', route);
  }

  attemptStarted(attempt: AttemptStarted): void {
    // What an attempt before this one sent and got is of no interest any more: its limit is not shared, and what is
    // missing of it is told before this one begins.
    if (this.#providerRequest !== undefined) this.#tellGap('provider-request', this.#providerRequest);
    if (this.#providerResponse !== undefined) this.#tellGap('provider-response', this.#providerResponse);
    if (this.#providerRequest !== undefined) this.#providerRequest.taken = 0;
    if (this.#providerResponse !== undefined) this.#providerResponse.taken = 0;
    this.#putHead('attempt-started', attempt);
  }

  attemptEnded(attempt: AttemptEnded): void {
    this.#putHead('attempt-ended', attempt);
  }

  responseOpened(response: ResponseOpened): void {
    this.#putHead('response-opened', response);
  }

  bytes(side: BodySide, bytes: Uint8Array, checksum?: number): void {
    if (bytes.length === 0 || this.#closed !== undefined) return;
    const body = this.#body(side);
    const room = this.#sink.bodyBytesMax - body.taken;
    const wanted = bytes.length <= room ? bytes : bytes.subarray(0, Math.max(0, room));
    const refusal = this.#sink.refusal(wanted.length);
    if (refusal !== undefined) {
      this.#drop(side, body, bytes.length, refusal);
      return;
    }
    const isWhole = wanted.length === bytes.length;
    if (wanted.length > 0) this.#keep(side, body, wanted, isWhole ? checksum : undefined);
    if (!isWhole) this.#drop(side, body, bytes.length - wanted.length, 'body-limit');
  }

  dropped(side: BodySide): number {
    return this.#body(side).dropped;
  }

  closed(closed: ClosedFacts): Promise<void> {
    if (this.#closed !== undefined) return Promise.resolve();
    this.#closed = closed;
    for (const side of this.#sides()) this.#tellGap(side, this.#body(side));
    const written = new Promise<void>((settle) => {
      this.#putHead('exchange-closed', this.#closedPayload(closed), settle);
    });
    this.#sink.ended(this);
    return this.#sink.isStuck ? Promise.resolve() : written;
  }

  wrote(frame: PendingFrame, segmentNumber: number): void {
    if (frame.sequence === 0) this.#openedInSegment = segmentNumber;
    if (frame.side === undefined) return;
    const body = this.#body(frame.side);
    const payloadBytes = frame.bytes - headerBytes;
    if (body.inSegment !== segmentNumber) {
      body.inSegment = segmentNumber;
      body.writtenInSegment = 0;
    }
    body.written += payloadBytes;
    body.writtenInSegment += payloadBytes;
  }

  gaveUp(side: BodySide, bytes: number, reason: GapReason): void {
    const body = this.#body(side);
    this.#sink.countDropped(reason, bytes, body.dropped === 0);
    body.dropped += bytes;
  }

  gapFrame(gap: Gap | ProviderGap, sequence: number): FrameToEncode {
    return this.#frame(gapKindOf(gap.side), encodeHeadPayload(gap), sequence);
  }

  endFrame(sequence: number, settle: (() => void) | undefined): FrameToEncode {
    if (this.#closed === undefined) throw new Error(`exchange ${this.id} has not ended`);
    const payload = encodeHeadPayload(this.#closedPayload(this.#closed));
    return { ...this.#frame('exchange-closed', payload, sequence), settle };
  }

  /**
   * Says again what only lost segments said, and counts as a gap what they held of the bodies.
   * @param survivingSegment number of the one segment that still stands; 0 when none does
   */
  segmentsLost(survivingSegment: number): void {
    if (this.#openedInSegment !== survivingSegment && this.#openedInSegment !== 0) {
      const opened = this.#frame('exchange-opened', encodeHeadPayload(this.#opened), 0);
      this.#sink.put({ ...opened, flags: frameFlags.repeated });
    }
    for (const side of this.#sides()) {
      const body = this.#body(side);
      const surviving = body.inSegment === survivingSegment ? body.writtenInSegment : 0;
      const lost = body.written - surviving;
      body.written = surviving;
      if (lost === 0) continue;
      this.gaveUp(side, lost, 'write-failed');
      this.#putGap({ side, bytes: lost, reason: 'write-failed' });
    }
  }

  #keep(side: BodySide, body: BodyState, bytes: Uint8Array, checksum: number | undefined): void {
    this.#tellGap(side, body);
    body.taken += bytes.length;
    for (let at = 0; at < bytes.length; at += payloadBytesMax) {
      const piece = bytes.length <= payloadBytesMax ? bytes : bytes.subarray(at, at + payloadBytesMax);
      this.#sink.put({
        kind: `${side}-bytes`,
        exchangeId: this.idBytes,
        sequence: this.#sequence++,
        atUs: this.#sink.nowUs(),
        payload: piece,
        payloadCrc: piece === bytes ? checksum : undefined,
        owner: this,
        side,
      });
    }
  }

  #drop(side: BodySide, body: BodyState, bytes: number, reason: GapReason): void {
    if (body.untold > 0 && body.untoldReason !== reason) this.#tellGap(side, body);
    this.#sink.countDropped(reason, bytes, body.dropped === 0);
    body.dropped += bytes;
    body.untold += bytes;
    body.untoldReason = reason;
  }

  #tellGap(side: BodySide, body: BodyState): void {
    if (body.untold === 0) return;
    this.#putGap({ side, bytes: body.untold, reason: body.untoldReason });
    body.untold = 0;
  }

  #putGap(gap: { readonly side: BodySide; readonly bytes: number; readonly reason: GapReason }): void {
    this.#putHead(gapKindOf(gap.side), gap);
  }

  #putHead(kind: JournalKind, payload: object, settle?: () => void): void {
    const frame = this.#frame(kind, encodeHeadPayload(payload), this.#sequence++);
    this.#sink.put(settle === undefined ? frame : { ...frame, settle });
  }

  #frame(kind: JournalKind, payload: string, sequence: number): FrameToEncode {
    return { kind, exchangeId: this.idBytes, sequence, atUs: this.#sink.nowUs(), payload, owner: this };
  }

  #closedPayload(closed: ClosedFacts): ExchangeClosed {
    return {
      ...closed,
      requestBytesDropped: this.#request.dropped,
      responseBytesDropped: this.#response.dropped,
    };
  }

  #body(side: BodySide): BodyState {
    if (side === 'request') return this.#request;
    if (side === 'response') return this.#response;
    if (side === 'provider-request') {
      this.#providerRequest ??= newBody();
      return this.#providerRequest;
    }
    this.#providerResponse ??= newBody();
    return this.#providerResponse;
  }

  /** Those of which there was anything. */
  #sides(): readonly BodySide[] {
    const hasProviderSides = this.#providerRequest !== undefined || this.#providerResponse !== undefined;
    return hasProviderSides ? allSides : clientSides;
  }
}

const clientSides = ['request', 'response'] as const;
const allSides = [...clientSides, ...providerSides] as const;

function gapKindOf(side: BodySide): 'gap' | 'provider-gap' {
  return side === 'request' || side === 'response' ? 'gap' : 'provider-gap';
}

function newBody(): BodyState {
  return {
    taken: 0,
    dropped: 0,
    untold: 0,
    untoldReason: 'body-limit',
    written: 0,
    writtenInSegment: 0,
    inSegment: 0,
  };
}
