import type { DataConfig } from '#config';
import type { StoreErrorCode } from '#store';
import type { QueryName } from './queries.ts';

/** What the query thread is started with. */
export type QueryThreadConfig = Pick<DataConfig, 'dataDir' | 'store'>;

export type ToQueryThread =
  | { readonly kind: 'ask'; readonly id: number; readonly name: QueryName; readonly input: unknown }
  | { readonly kind: 'stop' };

export type FromQueryThread =
  /** Everything is loaded. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  /** `code` is undefined for a bug. */
  | {
      readonly kind: 'failure';
      readonly id: number;
      readonly code: StoreErrorCode | undefined;
      readonly sentence: string;
    };
