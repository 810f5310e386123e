import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type {
  AttemptEnded,
  ExchangeClosed,
  ExchangeEnd,
  ExchangeId,
  HeaderList,
  Problem,
  ProblemCode,
  RosterMember,
  RouteChosen,
} from '#exchange';
import type { ExchangeJournal } from '#journal/write';
import type { Tried } from './breakers.ts';
import { nowUs } from './clock.ts';
import type { Perseverance } from './persevere.ts';
import { Tally } from './tally.ts';

/**
 * How far the answer is. `none`: no head yet. `relaying`: the head is here. `ending`: everything is known, the
 * end waits for the journal. `over`: ended or broken, nothing more may be sent.
 */
export type AnswerPhase = 'none' | 'relaying' | 'ending' | 'over';

/**
 * The end of an answer while it waits for the journal. Never a closure: with one in a field of the exchange, V8 keeps
 * the garbage of every exchange until its next full collection (9 kB each; 30 MiB and a tenth of the processor time).
 */
export interface HeldEnd {
  send(exchange: RunningExchange): void;
}

/** One exchange from its acceptance to the last byte towards the client: what was seen and how it ended. */
export class RunningExchange implements RosterMember {
  rosterPlace = -1;
  readonly id: ExchangeId;
  readonly journal: ExchangeJournal;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Empty until it is routed. */
  provider = '';
  /** As the journal has it. */
  route: RouteChosen | undefined;
  /** Number of the attempt that runs or ran last; 0 before the first. */
  attempt = 0;
  readonly acceptedAtUs = nowUs();

  answerPhase: AnswerPhase = 'none';
  /** The client's body is here to its last byte. */
  isUploaded = false;
  upstreamRequest: ClientRequest | undefined;
  isAttemptOpen = false;
  /** What was decided about the attempt that runs, for the record. */
  attemptRemark: string | undefined;
  /** There while the request may be sent again. */
  perseverance: Perseverance | undefined;
  /** Whose breaker hears how the attempt that runs went; absent when none does, or it has heard. */
  tried: Tried | undefined;

  readonly requestReceived = new Tally();
  /** Of the attempt that runs or ran last. */
  requestSent = new Tally();
  readonly responseReceived = new Tally();
  readonly responseSent = new Tally();
  /** The last attempt as the provider's end of it was, where that has other bytes than the client's. */
  providerRequest: Tally | undefined;
  providerResponse: Tally | undefined;
  requestTrailers: HeaderList | undefined;
  responseTrailers: HeaderList | undefined;

  forwardedAtUs: number | undefined;
  firstByteAtUs: number | undefined;
  lastByteAtUs: number | undefined;
  /** Last progress of each side, microseconds; what the limits on silence are measured from. */
  clientActiveAtUs = this.acceptedAtUs;
  providerActiveAtUs = this.acceptedAtUs;
  /** The provider is slower than the client, or the client slower than the provider: their silence is our doing. */
  isClientPaused = false;
  isProviderPaused = false;

  /** The answer has neither a length nor chunks: the end of the connection is its end. */
  endsWithConnection = false;

  endingAtUs = 0;
  /** Set while the phase is `ending`. */
  heldEnd: HeldEnd | undefined;
  /** Status the client was told; 0 when none. */
  status = 0;
  end: ExchangeEnd | undefined;
  problem: ProblemCode | undefined;

  constructor(parts: {
    readonly id: ExchangeId;
    readonly journal: ExchangeJournal;
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
  }) {
    this.id = parts.id;
    this.journal = parts.journal;
    this.request = parts.request;
    this.response = parts.response;
  }

  /** Writes down how the attempt that runs went. */
  endAttempt(ended: Omit<AttemptEnded, 'attempt' | 'reason'>): void {
    this.isAttemptOpen = false;
    const remark = this.attemptRemark === undefined ? {} : { reason: this.attemptRemark };
    this.attemptRemark = undefined;
    this.journal.attemptEnded({ attempt: this.attempt, ...ended, ...remark });
  }

  /** Lets the end of the answer go; does nothing when it is gone, or shall not go any more. */
  releaseEnd(): void {
    const held = this.heldEnd;
    if (held === undefined) return;
    this.heldEnd = undefined;
    this.answerPhase = 'over';
    held.send(this);
  }

  /** Writes the last frame, once; later calls change nothing. Resolves when the end of the answer may go out. */
  close(end: ExchangeEnd, problem?: Problem, cause?: string): Promise<void> {
    if (this.end !== undefined) return Promise.resolve();
    this.end = end;
    this.problem = problem?.code;
    const closed: { -readonly [Key in keyof ExchangeClosed]?: ExchangeClosed[Key] } = {
      end,
      requestReceived: this.requestReceived.snapshot(),
      requestSent: this.requestSent.snapshot(),
      responseReceived: this.responseReceived.snapshot(),
      responseSent: this.responseSent.snapshot(),
      requestComplete: this.isUploaded,
    };
    if (this.providerRequest !== undefined) closed.providerRequest = this.providerRequest.snapshot();
    if (this.providerResponse !== undefined) closed.providerResponse = this.providerResponse.snapshot();
    if (problem !== undefined) closed.problem = problem.code;
    if (cause !== undefined) closed.cause = cause;
    if (this.forwardedAtUs !== undefined) closed.forwardedAtUs = this.forwardedAtUs;
    if (this.firstByteAtUs !== undefined) closed.firstByteAtUs = this.firstByteAtUs;
    if (this.lastByteAtUs !== undefined) closed.lastByteAtUs = this.lastByteAtUs;
    if (this.requestTrailers !== undefined) closed.requestTrailers = this.requestTrailers;
    if (this.responseTrailers !== undefined) closed.responseTrailers = this.responseTrailers;
    // Every required field was set above; the mapped type only lets the optional ones come later.
    return this.journal.closed(closed as ExchangeClosed);
  }
}
