import type { BalanceState, Counts, Route, RoutedProvider } from '#routing';

/** Groups come from rules and providers, of which there are few. */
const groupsMax = 1000;

/** Remembers how often each of several was chosen, for those that share the work of a rule or a provider. */
export class Balance implements BalanceState {
  readonly isOpen: BalanceState['isOpen'];
  readonly #counts = new Map<string, Counts>();

  /** @param isOpen whether a provider is not asked at the moment */
  constructor(isOpen: BalanceState['isOpen'] = () => false) {
    this.isOpen = isOpen;
  }

  countsOf(group: string): Counts | undefined {
    return this.#counts.get(group);
  }

  /** Counts what was decided. */
  note({ counted }: Pick<Route<RoutedProvider>, 'counted'>): void {
    if (counted === undefined) return;
    if (this.#counts.size >= groupsMax && !this.#counts.has(counted.group)) return;
    this.#counts.set(counted.group, counted.counts);
  }
}
