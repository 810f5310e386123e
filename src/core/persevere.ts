import type { RouteTarget } from '#core-config';
import {
  type Course,
  type CourseStep,
  courseBegins,
  firstStep,
  isTurnStart,
  type Move,
  nextMove,
  type Outcome,
} from '#resilience';
import { canServe, clientFormatOf } from '#routing';
import type { CoreContext } from './core-context.ts';
import { failExchange } from './fail.ts';
import { HeldBody } from './held-body.ts';
import { modelOf } from './peek-body.ts';
import type { CoreRoute } from './plan-request.ts';
import type { RunningExchange } from './running-exchange.ts';

/** A body that is larger is sent once: it is not held to be repeated. */
const repeatedBytesMax = 32 * 1024 * 1024;

/** What is sent next, and how long after what was sent before. */
export interface NextTry {
  readonly chosen: CoreRoute;
  readonly body: Uint8Array;
  readonly waitMs: number;
  /** Is told instead of the client when it cannot be said for this provider. */
  readonly refused?: (sentence: string) => void;
}

interface Step {
  readonly chosen: CoreRoute;
  /** For breakers. */
  readonly model: string | undefined;
  readonly course: CourseStep;
}

interface PerseveranceOrder {
  /** Without query and tag. */
  readonly path: string;
  readonly chosen: CoreRoute;
  readonly held?: HeldBody | undefined;
}

/** Whether a request may be sent more than once: a model answers it, and its provider has retries or somebody to take over. */
export function mayPersevere({ request }: RunningExchange, path: string, chosen: CoreRoute): boolean {
  if (chosen.provider.resilience === undefined && chosen.fallback === undefined) return false;
  return (
    isModelRequest(request.method!, path) && (retryOf(chosen) !== undefined || fallbackOf(chosen).length > 0)
  );
}

/** Counting tokens says nothing about whether a model answers, and is not worth another provider. */
export function isModelRequest(method: string, path: string): boolean {
  return clientFormatOf(method, path) !== undefined && !path.endsWith('/count_tokens');
}

/**
 * One request that is sent until somebody answers it well, as far as the configuration goes. The body is held meanwhile.
 * `resilience` decides, this carries it out.
 */
export class Perseverance {
  readonly #core: CoreContext;
  readonly #exchange: RunningExchange;
  readonly #held: HeldBody;
  readonly #steps: readonly Step[];
  readonly #conversation: string | undefined;
  readonly #send: (next: NextTry) => void;
  #course: Course = courseBegins();
  /** How the last try went; none was made where all before this step were broken off. */
  #outcome: Outcome = { kind: 'no-answer', cause: 'broken off' };
  /** Steps whose provider cannot be told this request. */
  readonly #speechless = new Set<number>();
  #isTurnStart: boolean | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    core: CoreContext,
    exchange: RunningExchange,
    parts: {
      readonly held: HeldBody;
      readonly steps: readonly Step[];
      readonly conversation: string | undefined;
      readonly send: (next: NextTry) => void;
    },
  ) {
    this.#core = core;
    this.#exchange = exchange;
    this.#held = parts.held;
    this.#steps = parts.steps;
    this.#conversation = parts.conversation;
    this.#send = parts.send;
    exchange.response.once('close', () => clearTimeout(this.#timer));
  }

  /**
   * Holds the body and sends it for the first time. Never resolves when the exchange ends before.
   * @returns the body, held as far as it is, when there is too much of it: it can be sent once only
   */
  static async begin(
    core: CoreContext,
    exchange: RunningExchange,
    { path, chosen, held = new HeldBody(core, exchange) }: PerseveranceOrder,
    conversation: string | undefined,
    send: (next: NextTry) => void,
  ): Promise<HeldBody | undefined> {
    if (!(await held.growWhole(repeatedBytesMax))) return held;
    if (exchange.answerPhase !== 'none') return undefined;
    const known = { method: exchange.request.method!, path };
    const steps = stepsOf(core, known, chosen, modelOf(held.joined()));
    const one = new Perseverance(core, exchange, {
      held,
      steps,
      // Rules may lead to the same provider and name others to take over.
      conversation: conversation === undefined ? undefined : [conversation, ...steps.map(nameOf)].join(' '),
      send,
    });
    exchange.perseverance = one;
    one.#begin();
    return undefined;
  }

  /** A wait between two tries: nobody is silent but us. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  /** What follows from how the try went. The caller has told the breaker. */
  after(outcome: Outcome): Move {
    this.#outcome = outcome;
    const options = { steps: this.#steps.map(({ course }) => course), mayChange: true };
    const chance = { random: Math.random(), isOpen: (step: number) => this.#isOpen(step) };
    const move = nextMove(this.#course, outcome, options, chance);
    // Reading the whole conversation is worth it only when it matters.
    if (move.kind !== 'step' || this.#startsTurn()) return move;
    return nextMove(this.#course, outcome, { ...options, mayChange: false }, chance);
  }

  /** Goes on as decided. */
  go(move: Exclude<Move, { kind: 'take' }>): void {
    const { provider } = this.#exchange;
    if (move.kind === 'step') this.#core.metrics.fallback(provider);
    else this.#core.metrics.retry(provider);
    this.#course = move.course;
    const waitMs = move.kind === 'again' ? move.waitMs : 0;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#exchange.answerPhase !== 'none') return;
      // Its breaker may have opened meanwhile.
      const other =
        move.kind === 'again' && this.#isOpen(this.#course.step) ? this.after(this.#outcome) : move;
      if (other.kind === 'step' && other !== move) this.go(other);
      else this.#try(waitMs, move.kind === 'step' ? move.reason : undefined);
    }, waitMs);
  }

  /**
   * The client gets what has come, and the body is not needed any more.
   * @param isWell the conversation goes on where it was answered; otherwise its next turn begins anew
   */
  settle(isWell: boolean): void {
    this.#exchange.perseverance = undefined;
    if (this.#conversation !== undefined && this.#steps.length > 1 && (isWell || this.#startsTurn())) {
      this.#core.stickySteps.note(this.#conversation, isWell ? this.#course.step : 0, performance.now());
    }
    this.#held.release();
  }

  #begin(): void {
    const sticky =
      this.#conversation === undefined ? undefined : this.#core.stickySteps.get(this.#conversation);
    const isPlain = sticky === undefined && !this.#isOpen(0);
    if (isPlain || this.#steps.length === 1) {
      this.#try(0);
      return;
    }
    const { step, reason } = firstStep({
      sticky,
      isTurnStart: this.#startsTurn(),
      steps: this.#steps.length,
      nowMs: performance.now(),
      isOpen: (each) => this.#isOpen(each),
    });
    this.#course = courseBegins(step);
    this.#try(0, reason === undefined ? undefined : `${this.#steps[step]!.course.name}: ${reason}`);
  }

  #try(waitMs: number, remark?: string): void {
    const { step } = this.#course;
    const { chosen } = this.#steps[step]!;
    const reason = remark === undefined ? chosen.reason : `${chosen.reason}; ${remark}`;
    this.#send({
      chosen: { ...chosen, reason },
      body: this.#held.joined(),
      waitMs,
      ...(step > 0 && this.#startsTurn() ? { refused: (sentence) => this.#passOver(sentence) } : {}),
    });
  }

  /**
   * Who should take over cannot be told the request. That is no mistake of the client, which could not know where its
   * request would go.
   */
  #passOver(sentence: string): void {
    const { step } = this.#course;
    this.#speechless.add(step);
    const cannot = `${nameOf(this.#steps[step]!)} cannot be told the request: ${sentence}`;
    const move = this.after(this.#outcome);
    if (move.kind === 'step') {
      this.go({ ...move, reason: `${nameOf(this.#steps[move.course.step]!)} takes over: ${cannot}` });
      return;
    }
    this.#exchange.perseverance = undefined;
    const problem = { code: 'no-provider', detail: cannot } as const;
    failExchange(this.#core, this.#exchange, { problem, end: 'answered-by-us', cause: cannot });
  }

  #startsTurn(): boolean {
    this.#isTurnStart ??= isTurnStart(this.#held.joined());
    return this.#isTurnStart;
  }

  /** Not asked, whyever. */
  #isOpen(step: number): boolean {
    if (this.#speechless.has(step)) return true;
    const { chosen, model } = this.#steps[step]!;
    return this.#core.breakers.isOpen(chosen.provider.name, model ?? '');
  }
}

/** The route, then those that take over. */
function stepsOf(
  core: CoreContext,
  known: { readonly method: string; readonly path: string },
  chosen: CoreRoute,
  askedModel: string | undefined,
): readonly Step[] {
  const first = stepOf({ ...chosen, askedModel }, askedModel);
  const further = fallbackOf(chosen).flatMap(({ provider, model }) => {
    const found = core.config.providers.find(({ name }) => name === provider);
    if (found === undefined || !canServe(known, found)) return [];
    // The model of the rule is one of the provider that it names.
    const { model: _, isUnrouted: __, ...rest } = chosen;
    return [
      stepOf({ ...rest, provider: found, askedModel, ...(model === undefined ? {} : { model }) }, askedModel),
    ];
  });
  return [first, ...further];
}

function stepOf(chosen: CoreRoute, askedModel: string | undefined): Step {
  const { provider, model } = chosen;
  const retry = retryOf(chosen);
  return {
    chosen,
    model: model ?? askedModel,
    course: {
      name: model === undefined ? provider.name : `${provider.name}:${model}`,
      ...(retry === undefined ? {} : { retry }),
    },
  };
}

function nameOf({ course }: Step): string {
  return course.name;
}

function retryOf({ provider }: CoreRoute) {
  return provider.resilience?.retry;
}

function fallbackOf({ provider, fallback, isFixed }: CoreRoute): readonly RouteTarget[] {
  if (isFixed === true) return [];
  return fallback ?? provider.resilience?.fallback ?? [];
}
