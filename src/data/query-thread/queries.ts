import type {
  DerivedHealth,
  HistogramSearch,
  LatenciesQuery,
  RateLimitsQuery,
  RequestPage,
  RequestQuery,
  SessionsQuery,
  SumsQuery,
  TextSearch,
  ToolsQuery,
  ValuesSearch,
} from '#store';
import { blockQueries } from './block-queries.ts';
import { calendarSums } from './calendar-sums.ts';
import { conversationQueries } from './conversation-queries.ts';
import type { QuerySources } from './query-sources.ts';
import { type ConversationSearch, searchConversations } from './search-conversations.ts';
import { sessionQueries } from './session-queries.ts';

/**
 * Everything that the query thread can be asked. Input and output are plain values, because they are copied from thread
 * to thread. Each area adds its own.
 */
export const queries = {
  ...blockQueries,
  ...sessionQueries,
  ...conversationQueries,
  'derived.health': ({ derived }: QuerySources, _input: undefined): Promise<DerivedHealth> =>
    derived.health(),
  'statistics.sums': ({ derived }: QuerySources, query: SumsQuery) => derived.statistics.sums(query),
  'statistics.calendar': calendarSums,
  'statistics.latencies': ({ derived }: QuerySources, query: LatenciesQuery) =>
    derived.statistics.latencies(query),
  'statistics.tools': ({ derived }: QuerySources, query: ToolsQuery) => derived.statistics.tools(query),
  'statistics.sessions': ({ derived }: QuerySources, query: SessionsQuery) =>
    derived.statistics.sessions(query),
  'statistics.agents': ({ derived }: QuerySources, sessionId: string) => derived.statistics.agents(sessionId),
  'search.texts': ({ derived }: QuerySources, search: TextSearch) => derived.text.search(search),
  'search.conversations': ({ derived }: QuerySources, search: ConversationSearch) =>
    searchConversations(derived, search),
  'statistics.rateLimits': ({ derived }: QuerySources, query: RateLimitsQuery) =>
    derived.details.rateLimits(query),
  'search.count': ({ derived }: QuerySources, search: RequestQuery) => derived.find.count(search),
  'search.page': ({ derived }: QuerySources, search: RequestPage) => derived.find.page(search),
  'search.histogram': ({ derived }: QuerySources, search: HistogramSearch) => derived.find.histogram(search),
  'search.values': ({ derived }: QuerySources, search: ValuesSearch) => derived.find.values(search),
} as const;

type Queries = typeof queries;
export type QueryName = keyof Queries;
export type QueryInput<Name extends QueryName> = Parameters<Queries[Name]>[1];
export type QueryOutput<Name extends QueryName> = Awaited<ReturnType<Queries[Name]>>;
