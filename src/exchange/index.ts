/**
 * The words of Throughline: what an exchange is, what the journal says about it, which problems we may
 * report. Imports nothing, knows no clock, no I/O, no engine, no provider format.
 *
 * Read `journal-entry.ts` first: it is the story of one exchange as proxy-core tells it. `exchange.ts` is the
 * same story as it is kept in the store.
 */
export type {
  BodySide,
  Exchange,
  ExchangeOutcome,
  OpenExchange,
  ProviderBody,
  ProviderSide,
  Side,
} from './exchange.ts';
export { exchangeOutcomes, providerSides } from './exchange.ts';
export type { HeaderList } from './header-list.ts';
export { headerValue, headerValues } from './header-list.ts';
export type { ExchangeId } from './ids.ts';
export { exchangeIdFromBytes, exchangeIdToBytes, isExchangeId, newExchangeId } from './ids.ts';
export type {
  AttemptEnded,
  AttemptStarted,
  BodyTally,
  ExchangeClosed,
  ExchangeEnd,
  ExchangeOpened,
  Gap,
  GapReason,
  JournalEntry,
  JournalKind,
  ProviderGap,
  ResponseOpened,
  RouteChosen,
  SegmentOpened,
} from './journal-entry.ts';
export { journalKinds } from './journal-entry.ts';
export type { Metric } from './metric.ts';
export { metricLines } from './metric.ts';
export type { Problem, ProblemCode } from './problem.ts';
export { anthropicErrorBody, problemStatus, problems } from './problem.ts';
export { recorderMetrics } from './recorder-metrics.ts';
export type { RecorderStatus } from './recorder-status.ts';
export { damageReportName, recorderStatusAgeMsMax } from './recorder-status.ts';
export type { RosterMember } from './roster.ts';
export { Roster } from './roster.ts';
export type { Usage } from './usage.ts';
export { emptyUsage } from './usage.ts';
export { withoutDirectories } from './without-directories.ts';
