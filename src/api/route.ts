import type { z } from 'zod';

/** What a route answers when all is well. */
export type RouteAnswer =
  | { readonly kind: 'json'; readonly schema: z.ZodType; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'text'; readonly contentType: string }
  /** Raw bytes as a download. */
  | { readonly kind: 'bytes' }
  /** Server-sent events: the name of each event with the shape of its data. */
  | { readonly kind: 'events'; readonly events: Readonly<Record<string, z.ZodType>> };

/** One route of the API. The tables of these are the only place where a path is written down. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With parameters in braces: `/api/requests/{id}`. */
  readonly path: string;
  /** One sentence for the documentation. */
  readonly summary: string;
  readonly query: z.ZodObject;
  readonly answer: RouteAnswer;
  /** Statuses that this route gives a meaning of its own, each with a few words. */
  readonly statuses: Readonly<Record<number, string>>;
  /** True when a query parameter that is not listed is an error, because ignoring it would do harm. */
  readonly refusesUnknownParameters?: boolean;
}

/** The query of a route after parsing. */
export type QueryOf<R extends Route> = z.output<R['query']>;

/** The JSON of a route; `never` for routes that answer something else. */
export type BodyOf<R extends Route> = R['answer'] extends { kind: 'json'; schema: infer S extends z.ZodType }
  ? z.output<S>
  : never;
