/**
 * The store: facts about exchanges, their bodies as chunks and recipes, and how far the journal is stored.
 * `store.ts` is the port and the file to read first; `sql-store.ts` implements it once for every SQL engine; an
 * engine is a folder (`sqlite/`, later `postgres/`) with the same file names. Outside those folders nothing names
 * an engine. The store does not know formats: it keeps what `recorder` hands it.
 */
export type { DeletionNote, Deletions } from './deletions.ts';
export { openDeletions } from './deletions.ts';
export type {
  ConversationPage,
  DerivedConversation,
  DerivedConversations,
  DerivedEntry,
  MessagePage,
  SessionProject,
  SessionTitle,
  SessionUsage,
} from './derived/derived-conversations.ts';
export type {
  DerivedDetails,
  RateLimit,
  RateLimitPoint,
  RateLimitsQuery,
  RequestDetails,
} from './derived/derived-details.ts';
export type {
  FilePage,
  FileTouch,
  FoundTouch,
  TouchedFile,
  TouchPage,
} from './derived/derived-files.ts';
export type { DueRequest, JoinRate, JoinReport, JoinTokens } from './derived/derived-join.ts';
export type { DerivedSession, SessionPage } from './derived/derived-sessions.ts';
export type {
  DerivedHealth,
  DerivedRequest,
  DerivedRequests,
  DerivedStore,
  DerivingStep,
} from './derived/derived-store.ts';
export type {
  FoundSession,
  FoundText,
  RefusedSearch,
  TextPlace,
  TextSearch,
  TextSearchResult,
} from './derived/derived-text.ts';
export type { Dimension, Measure } from './derived/measures.ts';
export type { OutcomeClass } from './derived/request-row.ts';
export { quarterMs } from './derived/request-row.ts';
export type {
  FoundRequest,
  HistogramSearch,
  RequestPage,
  RequestQuery,
  ValuesSearch,
} from './derived/request-search.ts';
export type {
  AgentSums,
  Among,
  DimensionKey,
  Latencies,
  LatenciesQuery,
  Measures,
  Quantiles,
  SessionSums,
  SessionsQuery,
  Statistics,
  StatisticsFilter,
  Sums,
  SumsQuery,
  ToolCounts,
  ToolsQuery,
} from './derived/statistics.ts';
export type { Period } from './derived/statistics-range.ts';
export type { OpenStoreOptions } from './open-store.ts';
export {
  assertTextSearch,
  besideStore,
  deleteStore,
  derivedFiles,
  discardReplacement,
  openDerivedStore,
  openStore,
  promoteReplacement,
  setAside,
} from './open-store.ts';
export type {
  Arrival,
  BodyPiece,
  CommitResult,
  ExchangeFilter,
  ExchangeListing,
  ExchangePage,
  ExchangeToStore,
  JournalPosition,
  ListPlace,
  SlicedBody,
  Store,
  StoreBatch,
  StoredExchange,
  StoreErrorCode,
  StoreHealth,
  VerifyProgress,
} from './store.ts';
export { StoreError } from './store.ts';
export { openTranscripts } from './transcripts/open-transcripts.ts';
export type {
  ArchivedDocument,
  ArchivedFile,
  ArchivedLine,
  ArchivedPiece,
  FileBatch,
  TranscriptStore,
} from './transcripts/transcript-store.ts';
export { pieceOf } from './transcripts/transcript-store.ts';
