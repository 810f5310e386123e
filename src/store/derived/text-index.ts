import type { Query } from '#search';
import type { SqlSession, SqlStatement, SqlValue } from '../sql-engine.ts';

/** The index of an engine over texts that are numbered in the order in which they were first seen. */
export interface TextIndex {
  add(session: SqlSession, block: number, text: string): Promise<void>;
  /** @param text as it was added */
  remove(session: SqlSession, block: number, text: string): Promise<void>;
  /** How to find blocks for a query of words. What the user wrote is always data. */
  matching(query: Query): TextMatch;
}

export type TextMatch =
  | {
      readonly kind: 'statement';
      /** Gives `block`, newest first, of those with numbers from one to below another. */
      readonly sql: SqlStatement;
      parameters(from: number, below: number, limit: number): readonly SqlValue[];
      /** False when the texts have to be looked at: more may be found than was asked for. */
      readonly isExact: boolean;
    }
  | { readonly kind: 'refused'; readonly sentence: string };
