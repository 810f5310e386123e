/** How the last try at a provider went. */
export interface ProviderOutcome {
  readonly atMs: number;
  /** Cause of the failure in words; absent when it answered. */
  readonly trouble?: string;
}

/** What the last try at each provider showed. */
export class ProviderHealth {
  readonly #last = new Map<string, ProviderOutcome>();

  answered(provider: string): void {
    this.#last.set(provider, { atMs: Date.now() });
  }

  /** Returns whether this is news, so that an outage is logged once and not with every request. */
  failed(provider: string, cause: string): boolean {
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
