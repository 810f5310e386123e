/** Options that every command understands. */
export interface GlobalOptions {
  readonly config?: string;
}
