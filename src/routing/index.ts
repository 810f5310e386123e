/**
 * Where a request goes and why: rules and what is known about the request in, a decision out. Pure: no clock, no files,
 * no network, so that core decides with it, and the command line and the API tell with the same code what core would do.
 * It must not know how anything of this is found out.
 *
 * Read `route.ts` first.
 */
export {
  type Balanced,
  type BalanceState,
  type Counts,
  chooseAmong,
  counted,
  leastUsed,
} from './balance.ts';
export { clientFormatOf, translationOf } from './client-format.ts';
export { type Explanation, explainRoute, type ImaginedRequest } from './explain.ts';
export { fitsGlob } from './glob.ts';
export type { Known, KnownBody, Missing } from './known.ts';
export { placeOf } from './place.ts';
export { canServe, type Decision, type Route, type RoutedProvider, type RouteTable, route } from './route.ts';
