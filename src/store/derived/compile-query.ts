import { exchangeIdToBytes, isExchangeId } from '#exchange';
import { intervalOf, type KeyQuery, type Measure, type Query, type QueryKey, type ValueTest } from '#search';
import type { SqlValue } from '../sql-engine.ts';
import type { ExchangeFilter } from '../store.ts';
import { type NameNumbers, type NameTest, patternOf } from './look-up-names.ts';

export interface Condition {
  /** About a row `r` of `requests`; true or false, never unknown. Values are parameters. */
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

export interface CompileOptions {
  readonly nowMs: number;
  readonly zone: string;
  readonly numbers: NameNumbers;
  /** For words: sequences of the requests that they were first sent with. Without it, words find nothing. */
  readonly words?: (query: Query) => Condition;
}

/** The condition that a query of keys and words puts on a request. */
export function conditionOf(query: Query, options: CompileOptions): Condition {
  switch (query.kind) {
    case 'everything':
      return always;
    case 'and':
      return joined(
        query.of.map((part) => conditionOf(part, options)),
        ' AND ',
      );
    case 'or':
      return joined(
        query.of.map((part) => conditionOf(part, options)),
        ' OR ',
      );
    case 'not':
      return negated(conditionOf(query.of, options));
    case 'text':
      return options.words?.(query) ?? never;
    case 'key':
      return ofKey(query, options);
    default:
      return query satisfies never;
  }
}

const always: Condition = { sql: '1', parameters: [] };
const never: Condition = { sql: '0', parameters: [] };

/** The condition that the filter of a list puts on a request. */
export function filterCondition(filter: ExchangeFilter): Condition {
  const parts: Condition[] = [];
  const add = (sql: string, ...parameters: SqlValue[]) => parts.push({ sql, parameters });
  const named = '(SELECT id FROM names WHERE text = ?)';
  for (const [name, column] of Object.entries(filterColumns)) {
    const value = filter[name as keyof typeof filterColumns];
    if (value !== undefined) add(`r.${column} = ${named}`, value);
  }
  if (filter.fromMs !== undefined) add('r.received_at_ms >= ?', filter.fromMs);
  if (filter.toMs !== undefined) add('r.received_at_ms < ?', filter.toMs);
  if (filter.id !== undefined) add('r.id = ?', exchangeIdToBytes(filter.id));
  if (filter.statusFrom !== undefined) add('r.status >= ?', filter.statusFrom);
  if (filter.statusBelow !== undefined) add('r.status < ?', filter.statusBelow);
  if (filter.modelContains !== undefined && filter.modelContains !== '')
    add(
      "r.asked_model IN (SELECT id FROM names WHERE text LIKE ? ESCAPE '\\')",
      `%${filter.modelContains.replace(/[\\%_]/g, '\\$&')}%`,
    );
  return parts.length === 0 ? always : known(joined(parts, ' AND '));
}

const filterColumns = {
  provider: 'provider',
  sessionId: 'session',
  agentId: 'agent',
  tag: 'tag',
  path: 'path',
  outcome: 'outcome',
} as const;

/** Any of the values that are wanted, if any are, and none of the excluded ones. */
function ofKey({ key, values }: KeyQuery, options: CompileOptions): Condition {
  const [wanted, excluded] = [false, true].map((isExcluded) =>
    values.filter((value) => value.isExcluded === isExcluded).map(({ test }) => ofTest(key, test, options)),
  );
  const parts = excluded!.map((condition) => negated(condition));
  if (wanted!.length > 0) parts.unshift(joined(wanted!, ' OR '));
  return joined(parts, ' AND ');
}

function ofTest(key: QueryKey, test: ValueTest, options: CompileOptions): Condition {
  if (key === 'entry') return ofEntry(test);
  if (test.kind === 'name') return known(ofName(key, test, options.numbers));
  const measured = measures[key];
  if (key === 'time') return known(ofTime(test, options));
  if (measured === undefined) return never;
  if (test.kind === 'range')
    return known({
      sql: `${measured.sql} BETWEEN ? AND ?`,
      parameters: [amountOf(test.from, measured), amountOf(test.to, measured)],
    });
  return known({ sql: `${measured.sql} ${test.by} ?`, parameters: [amountOf(test.to, measured)] });
}

/** The request that an entry of a transcript stands for. */
function ofEntry(test: ValueTest): Condition {
  if (test.kind === 'name') return never;
  const amount = (measure: Measure) => (measure.kind === 'quantity' ? measure.amount : 0);
  const entry = 'entry_id' as const;
  const compared: Condition =
    test.kind === 'range'
      ? { sql: `${entry} BETWEEN ? AND ?`, parameters: [amount(test.from), amount(test.to)] }
      : { sql: `${entry} ${test.by} ?`, parameters: [amount(test.to)] };
  return {
    sql: `r.sequence IN (SELECT a.sequence FROM transcript_entries e JOIN transcript_answers a USING (answer)
      WHERE e.${compared.sql} AND a.sequence IS NOT NULL)`,
    parameters: compared.parameters,
  };
}

interface Measured {
  readonly sql: string;
  /** How much of the column's unit one of the key's unit is. */
  readonly scale?: number;
}

const measures: Readonly<Partial<Record<QueryKey, Measured>>> = {
  status: { sql: 'r.status' },
  'tools.n': {
    sql: 'COALESCE((SELECT json_array_length(names) FROM name_lists WHERE id = r.tools_called), 0)',
  },
  cost: { sql: 'r.cost_nanos', scale: 1e9 },
  in: { sql: 'r.input_tokens' },
  out: { sql: 'r.output_tokens' },
  cr: { sql: 'r.cache_read_tokens' },
  cw: { sql: 'r.cache_write_tokens' },
  think: { sql: 'r.thinking_tokens' },
  tokens: {
    sql: '(r.input_tokens + COALESCE(r.output_tokens, 0) + COALESCE(r.cache_read_tokens, 0) + COALESCE(r.cache_write_tokens, 0))',
  },
  ttft: { sql: 'r.first_token_us' },
  dur: { sql: 'r.last_byte_us' },
  tps: { sql: 'r.output_tokens_per_s' },
  size: { sql: '(r.request_bytes + r.response_bytes)' },
};

function amountOf(measure: Measure, { scale = 1 }: Measured): number {
  return measure.kind === 'quantity' ? measure.amount * scale : 0;
}

/** A day is later than another when it begins after that one ended; `time:2h` alone is everything since. */
function ofTime(test: ValueTest, options: CompileOptions): Condition {
  const at = 'r.received_at_ms';
  const interval = (measure: Measure) =>
    measure.kind === 'moment' ? intervalOf(measure, options) : { fromMs: 0, toMs: 0 };
  const between = (from: number, to: number) => ({
    sql: `(${at} >= ? AND ${at} < ?)`,
    parameters: [from, to],
  });
  if (test.kind === 'range') return between(interval(test.from).fromMs, interval(test.to).toMs);
  if (test.kind === 'name') return never;
  const { fromMs, toMs } = interval(test.to);
  switch (test.by) {
    case '=':
      return fromMs === toMs ? { sql: `${at} >= ?`, parameters: [fromMs] } : between(fromMs, toMs);
    case '>=':
      return { sql: `${at} >= ?`, parameters: [fromMs] };
    case '>':
      return { sql: `${at} >= ?`, parameters: [toMs] };
    case '<':
      return { sql: `${at} < ?`, parameters: [fromMs] };
    case '<=':
      return { sql: `${at} < ?`, parameters: [toMs] };
    default:
      return test.by satisfies never;
  }
}

/** Columns of `requests` that hold the number of a name. */
export const nameColumns = {
  model: ['answered_model', 'asked_model', 'routed_model'],
  provider: ['provider'],
  error: ['error_type', 'problem'],
  agent: ['agent_name', 'agent'],
  session: ['session'],
  stop: ['stop_reason'],
  path: ['path'],
  tag: ['tag'],
  ver: ['client_version'],
} as const satisfies Readonly<Partial<Record<QueryKey, readonly string[]>>>;

function ofName(key: QueryKey, test: NameTest, numbers: NameNumbers): Condition {
  if (key === 'is' || key === 'has' || key === 'stream')
    return { sql: words[key][test.name] ?? '0', parameters: [] };
  if (key === 'id') return ofId(test);
  if (key === 'project' || key === 'cwd') return ofDirectory(key, test);
  if (key === 'branch') return ofBranch(test);
  const names = { sql: '(SELECT value FROM json_each(?))', parameters: [numbers(test)] };
  if (key === 'tool')
    return {
      sql: `r.tools_called IN (SELECT l.id FROM name_lists l, json_each(l.names) n WHERE n.value IN ${names.sql})`,
      parameters: names.parameters,
    };
  if (key === 'beta')
    return inDetails({
      sql: `d.betas IN (SELECT l.id FROM name_lists l, json_each(l.names) n WHERE n.value IN ${names.sql})`,
      parameters: names.parameters,
    });
  if (key === 'route' || key === 'os')
    return inDetails({ sql: `d.${key} IN ${names.sql}`, parameters: names.parameters });
  const columns: readonly string[] = key in nameColumns ? nameColumns[key as keyof typeof nameColumns] : [];
  return joined(
    columns.map((column) => ({ sql: `r.${column} IN ${names.sql}`, parameters: names.parameters })),
    ' OR ',
  );
}

/** What is derived from the head of a request and its attempts. */
function inDetails({ sql, parameters }: Condition): Condition {
  return {
    sql: `EXISTS (SELECT 1 FROM request_details d WHERE d.sequence = r.sequence AND ${sql})`,
    parameters,
  };
}

/** Last part of a path. */
const lastPart = (path: string) => `replace(${path}, rtrim(${path}, replace(${path}, '/', '')), '')`;
const projectColumns = ['f.project', 'f.cwd', lastPart('f.cwd')];

/** Sessions whose transcript was written for this directory. */
function ofDirectory(key: 'project' | 'cwd', test: NameTest): Condition {
  const columns = key === 'cwd' ? ['f.cwd'] : projectColumns;
  const pattern = patternOf(test);
  return {
    sql: `r.session IN (SELECT n.id FROM conversation_files f JOIN names n ON n.text = f.conversation
      WHERE ${columns.map((column) => `${column} LIKE ? ESCAPE '\\'`).join(' OR ')})`,
    parameters: columns.map(() => pattern),
  };
}

/** Requests whose answer stands in a transcript with this branch. */
function ofBranch(test: NameTest): Condition {
  return {
    sql: "EXISTS (SELECT 1 FROM transcript_answers a WHERE a.sequence = r.sequence AND a.branch LIKE ? ESCAPE '\\')",
    parameters: [patternOf(test)],
  };
}

function ofId({ name, isPrefix }: NameTest): Condition {
  const id = name.toLowerCase();
  if (!isPrefix) return isExchangeId(id) ? { sql: 'r.id = ?', parameters: [exchangeIdToBytes(id)] } : never;
  if (!/^[0-9a-f]*$/.test(id)) return never;
  return { sql: 'lower(hex(r.id)) LIKE ?', parameters: [`${id}%`] };
}

const outcomeIs = (outcome: string) => `r.outcome IN (SELECT id FROM names WHERE text = '${outcome}')`;
/** Whether a request `r` went wrong, whoever is to blame; hanging up alone is nothing wrong. The same as `errors` of sums. */
export const isFailed = 'r.outcome_class IN (1, 3, 4)';

const words: Readonly<Record<'is' | 'has' | 'stream', Readonly<Record<string, string>>>> = {
  stream: { true: 'r.is_streaming = 1', false: 'r.is_streaming = 0' },
  has: {
    thinking: 'r.thinking_tokens > 0',
    tools: 'r.tools_called IS NOT NULL',
    cost: 'r.cost_nanos IS NOT NULL',
    transcript: 'EXISTS (SELECT 1 FROM transcript_answers a WHERE a.sequence = r.sequence)',
  },
  is: {
    done: `(${outcomeIs('complete')} AND COALESCE(r.status, 0) < 400 AND r.error_type IS NULL)`,
    failed: isFailed,
    aborted: outcomeIs('client-aborted'),
    retried: 'EXISTS (SELECT 1 FROM request_details d WHERE d.sequence = r.sequence AND d.attempts > 1)',
    'rate-limited': 'r.status = 429',
    'cache-miss': '(r.cache_write_tokens > 0 AND COALESCE(r.cache_read_tokens, 0) = 0)',
    compaction: "r.request_class IN (SELECT id FROM names WHERE text = 'compaction')",
    subagent: 'r.agent IS NOT NULL',
  },
};

/** What is not known of a request does not pass; without this, its negation would not pass either. */
function known({ sql, parameters }: Condition): Condition {
  return { sql: `COALESCE((${sql}), 0)`, parameters };
}

function negated({ sql, parameters }: Condition): Condition {
  return { sql: `NOT (${sql})`, parameters };
}

function joined(conditions: readonly Condition[], by: ' AND ' | ' OR '): Condition {
  if (conditions.length === 0) return never;
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(by)})`,
    parameters: conditions.flatMap(({ parameters }) => parameters),
  };
}
