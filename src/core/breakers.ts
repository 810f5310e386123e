import type { CoreProvider } from '#core-config';
import {
  type BreakerOptions,
  type BreakerState,
  breakerAdmits,
  closedBreaker,
  isBreakerOpen,
  noteOutcome,
  type Outcome,
} from '#resilience';
import type { Log } from './log.ts';

/** Models have names of the client's choice: more of them share no breaker, they have none. */
const breakersMax = 2_000;

/** A request that was let through to a provider. */
export interface Tried {
  readonly provider: string;
  readonly model: string | undefined;
  readonly isProbe: boolean;
}

/** One for each model of each provider that has `circuit_breaker` enabled. They begin closed with every process. */
export class Breakers {
  readonly #options = new Map<string, BreakerOptions>();
  /** By provider, then by model; '' where the model is not known. */
  readonly #states = new Map<string, Map<string, BreakerState>>();
  readonly #log: Pick<Log, 'warn' | 'info'>;
  readonly #nowMs: () => number;
  readonly #opened = new Map<string, number>();
  #size = 0;

  constructor(
    providers: readonly CoreProvider[],
    log: Pick<Log, 'warn' | 'info'>,
    nowMs: () => number = () => performance.now(),
  ) {
    for (const { name, resilience } of providers) {
      if (resilience?.breaker === undefined) continue;
      this.#options.set(name, resilience.breaker);
      this.#states.set(name, new Map());
    }
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** How often one has opened, by provider. */
  get opened(): ReadonlyMap<string, number> {
    return this.#opened;
  }

  /** Breakers that keep requests away, by provider. */
  get openNow(): ReadonlyMap<string, number> {
    const open = new Map<string, number>();
    for (const [provider, states] of this.#states) {
      open.set(provider, [...states.keys()].filter((model) => this.#isOpen(provider, model)).length);
    }
    return open;
  }

  watches(provider: string): boolean {
    return this.#options.has(provider);
  }

  /** Whether a request may be sent now, and whether it is the one that is let through after a pause, to find out. */
  admits(provider: string, model = ''): 'yes' | 'as-probe' | 'no' {
    const options = this.#options.get(provider);
    if (options === undefined) return 'yes';
    const admission = breakerAdmits(this.#state(provider, model), this.#nowMs(), options);
    this.#set(provider, model, admission.state);
    if (!admission.isAdmitted) return 'no';
    return admission.isProbe === true ? 'as-probe' : 'yes';
  }

  /**
   * Whether requests are kept away at the moment. Changes nothing.
   * @param model undefined = whatever the model: only when all that were asked for are broken off
   */
  isOpen(provider: string, model: string | undefined): boolean {
    if (model !== undefined) return this.#isOpen(provider, model);
    const models = [...(this.#states.get(provider)?.keys() ?? [])];
    return models.length > 0 && models.every((each) => this.#isOpen(provider, each));
  }

  note({ provider, model, isProbe }: Tried, outcome: Outcome): void {
    const options = this.#options.get(provider);
    if (options === undefined) return;
    const key = model ?? '';
    const before = this.#state(provider, key);
    const state = noteOutcome(before, { outcome, isProbe }, this.#nowMs(), options);
    this.#set(provider, key, state);
    if (state.kind === before.kind) return;
    const of = { provider, ...(key === '' ? {} : { model: key }) };
    if (state.kind === 'open') {
      this.#opened.set(provider, (this.#opened.get(provider) ?? 0) + 1);
      this.#log.warn(`a provider is not asked for ${options.openMs} ms: it kept failing`, of);
    } else if (state.kind === 'closed') {
      this.#log.info('a provider that was broken off works again', of);
    }
  }

  #isOpen(provider: string, model: string): boolean {
    const options = this.#options.get(provider);
    return options !== undefined && isBreakerOpen(this.#state(provider, model), this.#nowMs(), options);
  }

  #state(provider: string, model: string): BreakerState {
    return this.#states.get(provider)?.get(model) ?? closedBreaker;
  }

  #set(provider: string, model: string, state: BreakerState): void {
    const states = this.#states.get(provider);
    if (states === undefined) return;
    if (!states.has(model)) {
      if (this.#size >= breakersMax) return;
      this.#size += 1;
    }
    states.set(model, state);
  }
}
