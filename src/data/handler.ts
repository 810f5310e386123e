import type { RouteBody, RouteKey, RouteQuery } from '#api';

/** What a handler is told about one request. */
export interface HandlerInput<K extends RouteKey> {
  readonly query: RouteQuery<K>;
  /** The `{id}` of the path, percent-decoded; empty for routes without one. */
  readonly id: string;
  readonly request: Request;
  /** True for HEAD: the answer's body is not wanted, so nothing long may begin. */
  readonly isHead: boolean;
  /** Closes the connection in the middle of an answer that cannot be finished; the error goes to the log. */
  readonly breakOff: (error: unknown) => void;
}

/** JSON with the shape that the contract promises. */
export interface JsonAnswer<Body> {
  readonly body: Body;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers one route. A handler may also answer with a ready `Response`, for example when it streams. */
export type Handler<K extends RouteKey> = (
  input: HandlerInput<K>,
) => Promise<([RouteBody<K>] extends [never] ? never : JsonAnswer<RouteBody<K>>) | Response>;

/** The handlers of some routes, by their keys in the contract. */
export type Handlers<K extends RouteKey> = { readonly [Key in K]: Handler<Key> };
