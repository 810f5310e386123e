/**
 * Conversations that another provider has taken over stay with it for a while: a cache that was filled there is used,
 * and a turn that was begun there ends there.
 */
export class StickySteps {
  readonly #holdMs: number;
  readonly #entriesMax: number;
  /** The one that was used least recently goes first. */
  readonly #steps = new Map<string, { readonly step: number; readonly untilMs: number }>();

  constructor({ holdMs, entriesMax }: { readonly holdMs: number; readonly entriesMax: number }) {
    this.#holdMs = holdMs;
    this.#entriesMax = entriesMax;
  }

  /** The step that has this conversation; also when its time is over, which only the start of a turn asks about. */
  get(conversation: string): { readonly step: number; readonly untilMs: number } | undefined {
    return this.#steps.get(conversation);
  }

  /** A conversation goes on at a step; the first one is where all are by themselves, so that one is forgotten. */
  note(conversation: string, step: number, nowMs: number): void {
    const before = this.#steps.get(conversation);
    this.#steps.delete(conversation);
    if (step === 0) return;
    const untilMs = before?.step === step && before.untilMs > nowMs ? before.untilMs : nowMs + this.#holdMs;
    this.#steps.set(conversation, { step, untilMs });
    if (this.#steps.size > this.#entriesMax) this.#steps.delete(this.#steps.keys().next().value!);
  }
}

/**
 * Where a request of a conversation begins. In the middle of a turn it stays where it is; a new turn goes back to the
 * first step when the time is over, and passes over steps that are broken off.
 * @returns the step, and why when that is not the first
 */
export function firstStep({
  sticky,
  isTurnStart,
  steps,
  nowMs,
  isOpen,
}: {
  readonly sticky: { readonly step: number; readonly untilMs: number } | undefined;
  readonly isTurnStart: boolean;
  /** How many there are. */
  readonly steps: number;
  readonly nowMs: number;
  readonly isOpen: (step: number) => boolean;
}): { readonly step: number; readonly reason?: string } {
  // A reload may have shortened the chain.
  const held = sticky === undefined || sticky.step >= steps ? undefined : sticky;
  if (!isTurnStart) {
    if (held === undefined) return { step: 0 };
    return { step: held.step, reason: 'the turn was begun there' };
  }
  const begin = held !== undefined && nowMs < held.untilMs ? held.step : 0;
  for (let step = begin; step < steps; step += 1) {
    if (isOpen(step)) continue;
    if (step === 0) return { step };
    return {
      step,
      reason: step === begin ? 'the conversation was taken over before' : 'those before it are broken off',
    };
  }
  // All are broken off: the first one tells the client so.
  return { step: begin };
}
