/** What the last try at each provider showed. */
export class ProviderHealth {
  readonly #causes = new Map<string, string>();

  answered(provider: string): void {
    if (this.#causes.size > 0) this.#causes.delete(provider);
  }

  failed(provider: string, cause: string): void {
    this.#causes.set(provider, cause);
  }

  /** Cause of the last failure in words; undefined while the provider answers. */
  trouble(provider: string): string | undefined {
    return this.#causes.get(provider);
  }
}
