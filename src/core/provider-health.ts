/** What the last try at each provider showed. */
export class ProviderHealth {
  readonly #causes = new Map<string, string>();

  answered(provider: string): void {
    if (this.#causes.size > 0) this.#causes.delete(provider);
  }

  /** Returns whether this is news, so that an outage is logged once and not with every request. */
  failed(provider: string, cause: string): boolean {
    const isNews = !this.#causes.has(provider);
    this.#causes.set(provider, cause);
    return isNews;
  }

  /** Cause of the last failure in words; undefined while the provider answers. */
  trouble(provider: string): string | undefined {
    return this.#causes.get(provider);
  }
}
