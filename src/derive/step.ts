/** A piece of indexing work that is done again and again. */
export interface Step {
  readonly name: string;
  /** Does at most a few tens of milliseconds of work. Rejects with a `StoreError` when a store cannot be used now. */
  run(): Promise<StepResult>;
}

/** `more`: there is more to do at once. `idle`: everything that is there is done. */
export type StepResult = 'more' | 'idle';
