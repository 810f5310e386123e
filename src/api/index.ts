/**
 * The contract of the HTTP API: every route once, with its parameters and shapes as schemas. proxy-data builds its
 * server from the table, `docs/api.md` is generated from it, and clients take their types from it. Knows nothing about
 * how an answer comes about.
 *
 * Read `contract.ts` first, then `requests.ts` for an area.
 */
export type { ErrorBody, RouteBody, RouteKey, RouteQuery } from './contract.ts';
export { contract, errorBody } from './contract.ts';
export type { DataHealth } from './health.ts';
export { parseInstant } from './instant.ts';
export { parameterCharactersMax, parametersMax } from './parameters.ts';
export type { OpenRequest, RequestLog, RequestSummary } from './request-shapes.ts';
export type { Route, RouteAnswer } from './route.ts';
export type { UsageDimension } from './statistics.ts';
