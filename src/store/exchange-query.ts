import { type ExpressionBuilder, type ExpressionWrapper, type Kysely, type SqlBool, sql } from 'kysely';
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
  if (filter.statusFrom !== undefined && filter.statusFrom >= 400)
    all.push(builder('status', '>=', sql.lit(400)));
  if (filter.statusBelow !== undefined) all.push(builder('status', '<', filter.statusBelow));
  return builder.and(all);
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
  return queries
    .selectFrom('exchanges')
    .select((builder) => builder.fn.countAll<number>().as('count'))
    .where((builder) => conditionsOf(builder, filter))
    .$if(models !== undefined, (chosen) => chosen.where('asked_model', 'in', models!))
    .compile();
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
