import {
  type AliasableExpression,
  type ExpressionBuilder,
  type ExpressionWrapper,
  type Kysely,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import { exchangeIdToBytes, isExchangeId } from '#exchange';
import type { ExchangeFilter, ListPlace } from './store.ts';
import type { Tables } from './tables.ts';

type Builder = ExpressionBuilder<Tables, 'exchanges'>;
type Condition = ExpressionWrapper<Tables, 'exchanges', SqlBool>;

/**
 * The conditions of a filter except `modelContains`, which `asked-models.ts` turns into names. Values are always
 * parameters. The two literals repeat the conditions of the partial indexes, which parameters cannot imply.
 */
export function conditionsOf(builder: Builder, filter: ExchangeFilter): Condition {
  const all: Condition[] = [];
  const equal = [
    ['provider', filter.provider],
    ['session_id', filter.sessionId],
    ['agent_id', filter.agentId],
    ['tag', filter.tag],
    ['path', filter.path],
    ['outcome', filter.outcome],
  ] as const;
  for (const [column, value] of equal) if (value !== undefined) all.push(builder(column, '=', value));
  if (filter.outcome !== undefined && filter.outcome !== 'complete') {
    all.push(builder('outcome', '<>', sql.lit('complete')));
  }
  // No id is empty: what is not an id finds nothing.
  const idBytes = (id: string) => (isExchangeId(id) ? exchangeIdToBytes(id) : Buffer.alloc(0));
  if (filter.id !== undefined) all.push(builder('id', '=', idBytes(filter.id)));
  if (filter.fromMs !== undefined) all.push(builder('received_at_ms', '>=', filter.fromMs));
  if (filter.toMs !== undefined) all.push(builder('received_at_ms', '<', filter.toMs));
  if (filter.statusFrom !== undefined) all.push(builder('status', '>=', filter.statusFrom));
  if (hasStatus(filter) && !isOkWithin(filter)) all.push(builder('status', 'is distinct from', sql.lit(200)));
  if (filter.statusBelow !== undefined) all.push(builder('status', '<', filter.statusBelow));
  return builder.and(all);
}

function hasStatus(filter: ExchangeFilter): boolean {
  return filter.statusFrom !== undefined || filter.statusBelow !== undefined;
}

/** True when the range of statuses is one that nearly every exchange lies in. */
function isOkWithin({ statusFrom = 0, statusBelow = Number.POSITIVE_INFINITY }: ExchangeFilter): boolean {
  return statusFrom <= 200 && 200 < statusBelow;
}

/** What is older than this place in the order of lists. */
export function olderThan(builder: Builder, place: ListPlace): Condition {
  return builder.and([
    // Implied by the next condition, but this is the one an index can use.
    builder('received_at_ms', '<=', place.receivedAtMs),
    builder.or([
      builder('received_at_ms', '<', place.receivedAtMs),
      builder('id', '<', exchangeIdToBytes(place.id)),
    ]),
  ]);
}

export interface ListQuery {
  readonly filter: ExchangeFilter;
  /** Asked models to take; undefined = all. */
  readonly models: readonly string[] | undefined;
  readonly after: ListPlace | undefined;
  readonly offset: number;
  /** undefined = all. */
  readonly limit: number | undefined;
}

/** Rows in the order of lists: newest first. */
export function listQuery(queries: Kysely<Tables>, query: ListQuery) {
  const models = query.models;
  // With an index per model each branch stops at the limit; one query over all of them would sort every match.
  const isMerge =
    models !== undefined && models.length > 1 && models.length <= 32 && query.limit !== undefined;
  const base = isMerge ? mergedByModel(queries, query, models) : places(queries, query, models);
  return queries
    .selectFrom('exchanges')
    .selectAll()
    .select((builder) =>
      builder
        .selectFrom('tool_lists')
        .select('names')
        .whereRef('tool_lists.id', '=', 'exchanges.tools_declared')
        .as('tool_names'),
    )
    .where('sequence', 'in', base)
    .orderBy('received_at_ms', 'desc')
    .orderBy('id', 'desc')
    .compile();
}

export function countQuery(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
) {
  return queries.selectNoFrom(countOf(queries, filter, models).as('count')).compile();
}

/**
 * Nearly every exchange is complete and has status 200, and no index tells those apart: counting them would read every
 * row. The few others have an index, so they are counted and taken off.
 */
function countOf(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
): AliasableExpression<number> {
  const { outcome, ...anyOutcome } = filter;
  if (outcome === 'complete') {
    const others = countAmong(queries, anyOutcome, models, (builder) =>
      builder('outcome', '<>', sql.lit('complete')),
    );
    return sql<number>`${allBefore(queries, anyOutcome, models)} - ${others}`;
  }
  const { statusFrom = 0, statusBelow, ...anyStatus } = filter;
  if (hasStatus(filter) && isOkWithin(filter)) {
    const others = countAmong(queries, anyStatus, models, (builder) =>
      builder.and([
        builder('status', 'is distinct from', sql.lit(200)),
        builder.or([
          builder('status', 'is', null),
          builder('status', '<', statusFrom),
          ...(statusBelow === undefined ? [] : [builder('status', '>=', statusBelow)]),
        ]),
      ]),
    );
    return sql<number>`${allBefore(queries, anyStatus, models)} - ${others}`;
  }
  return countWhere(queries, filter, models);
}

/** What the others are taken off from; how many there are at all is known without counting. */
function allBefore(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
): AliasableExpression<number> {
  const isAll = models === undefined && Object.values(filter).every((value) => value === undefined);
  if (!isAll) return countOf(queries, filter, models);
  return queries.selectFrom('counters').select('value').where('name', '=', 'exchanges').$castTo<number>();
}

function countWhere(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
): AliasableExpression<number> {
  return counted(queries.selectFrom('exchanges'), filter, models);
}

/** Counts within the few that the condition leaves. */
function countAmong(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
  few: (builder: Builder) => Condition,
): AliasableExpression<number> {
  const { id, sessionId, agentId, tag } = filter;
  const isNarrow = [id, sessionId, agentId, tag].some((value) => value !== undefined);
  if (isNarrow) return counted(queries.selectFrom('exchanges').where(few), filter, models);
  // The limit keeps the two apart: an engine that takes all filters for equally narrow begins with the wrong one.
  const those = queries
    .selectFrom('exchanges')
    .select(['received_at_ms', 'asked_model', 'provider', 'path', 'outcome', 'status'])
    .where(few)
    .limit(Number.MAX_SAFE_INTEGER);
  return counted(queries.selectFrom(those.as('exchanges')) as unknown as Exchanges, filter, models);
}

type Exchanges = SelectQueryBuilder<Tables, 'exchanges', object>;

function counted(
  exchanges: Exchanges,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
): AliasableExpression<number> {
  return exchanges
    .select((builder) => builder.fn.countAll<number>().as('count'))
    .where((builder) => conditionsOf(builder, filter))
    .$if(models !== undefined, (chosen) => chosen.where('asked_model', 'in', models!))
    .$castTo<number>();
}

/** Sequences and ids of exchanges that pass, for deleting. */
export function sequencesQuery(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
  limit: number,
) {
  return queries
    .selectFrom('exchanges')
    .select(['sequence', 'id'])
    .where((builder) => conditionsOf(builder, filter))
    .$if(models !== undefined, (chosen) => chosen.where('asked_model', 'in', models!))
    .limit(limit)
    .compile();
}

/** The oldest that pass and have their bodies, for pruning. */
export function withBodiesQuery(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
  limit: number,
) {
  return withBodies(queries, filter, models)
    .select('sequence')
    .orderBy('received_at_ms')
    .limit(limit)
    .compile();
}

/** How many pass and have their bodies, and how many bytes those are. */
export function bodySumsQuery(
  queries: Kysely<Tables>,
  filter: ExchangeFilter,
  models: readonly string[] | undefined,
) {
  return withBodies(queries, filter, models)
    .select((builder) => [
      builder.fn.countAll<number>().as('exchanges'),
      sql<
        number | null
      >`sum(request_bytes - request_bytes_missing + response_bytes - response_bytes_missing)`.as('bytes'),
    ])
    .compile();
}

function withBodies(queries: Kysely<Tables>, filter: ExchangeFilter, models: readonly string[] | undefined) {
  return queries
    .selectFrom('exchanges')
    .where('bodies_pruned_at_ms', 'is', null)
    .where((builder) => conditionsOf(builder, filter))
    .$if(models !== undefined, (chosen) => chosen.where('asked_model', 'in', models!));
}

function places(queries: Kysely<Tables>, query: ListQuery, models: readonly string[] | undefined) {
  return queries
    .selectFrom('exchanges')
    .select('sequence')
    .where((builder) => conditionsOf(builder, query.filter))
    .$if(models !== undefined, (chosen) => chosen.where('asked_model', 'in', models!))
    .$if(query.after !== undefined, (chosen) => chosen.where((builder) => olderThan(builder, query.after!)))
    .orderBy('received_at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit ?? Number.MAX_SAFE_INTEGER)
    .offset(query.offset);
}

function mergedByModel(queries: Kysely<Tables>, query: ListQuery, models: readonly string[]) {
  const needed = query.offset + (query.limit ?? 0);
  const branches = models.map((model) =>
    queries
      .selectFrom(
        places(queries, { ...query, offset: 0, limit: needed }, [model])
          .select(['received_at_ms', 'id'])
          .as('newest'),
      )
      .selectAll(),
  );
  const [first, ...others] = branches;
  return queries
    .selectFrom(others.reduce((union, branch) => union.unionAll(branch), first!).as('merged'))
    .select('sequence')
    .orderBy('received_at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit ?? Number.MAX_SAFE_INTEGER)
    .offset(query.offset);
}
