/** How the last try at a provider went. */
export interface ProviderOutcome {
  readonly atMs: number;
  /** Cause of the failure in words; absent when it answered. */
  readonly trouble?: string;
}

/** What the last try at each provider showed. */
export class ProviderHealth {
  readonly #last = new Map<string, ProviderOutcome>();
  readonly #answers = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  /** Tries that brought an answer, whatever it says, by provider. */
  get answers(): ReadonlyMap<string, number> {
    return this.#answers;
  }

  /** Tries that brought none, by provider. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  answered(provider: string): void {
    this.#answers.set(provider, (this.#answers.get(provider) ?? 0) + 1);
    this.#last.set(provider, { atMs: Date.now() });
  }

  /** Returns whether this is news, so that an outage is logged once and not with every request. */
  failed(provider: string, cause: string): boolean {
    this.#failures.set(provider, (this.#failures.get(provider) ?? 0) + 1);
    const isNews = this.#last.get(provider)?.trouble === undefined;
    this.#last.set(provider, { atMs: Date.now(), trouble: cause });
    return isNews;
  }

  outcomes(): Readonly<Record<string, ProviderOutcome>> {
    return Object.fromEntries(this.#last);
  }
}

/**
 * Cause of the last failure in words, as the workers saw it; undefined while the provider answers. What one of them
 * learned last is what counts.
 */
export function providerTrouble(
  provider: string,
  outcomes: readonly Readonly<Record<string, ProviderOutcome>>[],
): string | undefined {
  let last: ProviderOutcome | undefined;
  for (const ofWorker of outcomes) {
    const outcome = Object.hasOwn(ofWorker, provider) ? ofWorker[provider] : undefined;
    if (outcome !== undefined && (last === undefined || outcome.atMs > last.atMs)) last = outcome;
  }
  return last?.trouble;
}
