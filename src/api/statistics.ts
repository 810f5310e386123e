import { z } from 'zod';
import { instant, timeZone } from './parameters.ts';
import type { Route } from './route.ts';

const models = ['sent', 'asked', 'answered'] as const;
const modelOf = z
  .enum(models)
  .default('sent')
  .describe(
    'Which model counts: the one the provider was asked for (`sent`, the default), the one the client asked for (`asked`), or the one that says it answered (`answered`).',
  );

const performanceModelOf = z
  .enum(['asked', 'answered'])
  .default('asked')
  .describe(
    'Which model counts: the one the client asked for (`asked`, the default), or the one that answered.',
  );

const start = instant.optional().describe('From this time on; required, with `end`.');
const end = instant.optional().describe('Before this time; required, with `start`.');
const q = z
  .string()
  .optional()
  .describe(
    'Only requests that fit this query, see docs/search.md; days in it are those of `tz`. Then each request of the range is looked at, and 503 says when those are too many.',
  );
const range = { start, end, q };
const tokens = z.number().describe('Input, output, cache reads and cache writes together.');
const milliseconds = z.number().describe('Milliseconds.');
const echoed = { startTime: z.string(), endTime: z.string() };
const rangeMissing = { 400: '`start` or `end` is missing.' };

const modelStats = z.strictObject({ tokens, requests: z.number() }).meta({ id: 'ModelStats' });

const errors = z
  .number()
  .describe('Requests with an error status, an error in the stream, or an answer that did not come whole.');

/** Every count that statistics of requests have beside those of older clients. */
const sums = {
  inputTokens: z.number().describe('Without what was read from or written to a cache.'),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  costUsd: z.number().describe('Of those requests whose price is known.'),
  costUnknown: z.number().describe('Requests with tokens whose price is not known.'),
  errors,
};

const bucket = { tokens, requests: z.number(), ...sums, models: z.record(z.string(), modelStats).optional() };

const daily = z.strictObject({
  dailyStats: z
    .array(z.strictObject({ date: z.string().describe('`YYYY-MM-DD` in the time zone.'), ...bucket }))
    .describe('Days with requests, the oldest first.'),
  timeZone: z.string(),
  ...echoed,
});

const hourly = z.strictObject({
  hourlyStats: z
    .array(z.strictObject({ hour: z.number().describe('0 to 23 in the time zone.'), ...bucket }))
    .describe('Hours of the day with requests, all days of the range together.'),
  todayTokens: z.number().describe('Tokens of the range.'),
  todayRequests: z.number().describe('Requests of the range.'),
  avgResponseTime: milliseconds,
  timeZone: z.string(),
  ...echoed,
});

const byModel = z.strictObject({
  modelStats: z
    .array(z.strictObject({ model: z.string(), tokens, requests: z.number(), ...sums }))
    .describe('The most tokens first.'),
  ...echoed,
});

const byProvider = z.strictObject({
  providers: z
    .array(
      z.strictObject({
        provider: z.string(),
        requests: z.number(),
        ...sums,
        totalTokens: tokens,
        avgResponseMs: milliseconds,
        errorCount: errors,
      }),
    )
    .describe('The most tokens first.'),
  ...echoed,
});

const bySubagent = z.strictObject({
  subagents: z
    .array(
      z.strictObject({
        subagentName: z.string(),
        provider: z.string(),
        targetModel: z.string(),
        requests: z.number(),
        ...sums,
        totalTokens: tokens,
        avgResponseMs: milliseconds,
      }),
    )
    .describe('The most tokens first. Requests of the main agent are not among them.'),
  ...echoed,
});

const byTool = z.strictObject({
  tools: z
    .array(
      z.strictObject({
        toolName: z.string(),
        usageCount: z.number().describe('Requests whose answer called it.'),
        callCount: z.number().describe('Calls in answers.'),
        avgCallsPerRequest: z.number().describe('Calls for each request that called it.'),
        declaredCount: z.number().describe('Requests that offered it.'),
      }),
    )
    .describe('The most called first, then by name.'),
  ...echoed,
});

const performance = z.strictObject({
  stats: z
    .array(
      z.strictObject({
        provider: z.string(),
        model: z.string(),
        requestCount: z.number().describe('Requests whose time is known.'),
        avgResponseMs: milliseconds,
        p50ResponseMs: milliseconds,
        p95ResponseMs: milliseconds,
        p99ResponseMs: milliseconds,
        avgFirstByteMs: milliseconds.describe('0 when no time is known.'),
        avgFirstTokenMs: milliseconds.nullable(),
        p50FirstByteMs: milliseconds.nullable(),
        p95FirstByteMs: milliseconds.nullable(),
        p99FirstByteMs: milliseconds.nullable(),
        p50FirstTokenMs: milliseconds.nullable(),
        p95FirstTokenMs: milliseconds.nullable(),
        p99FirstTokenMs: milliseconds.nullable(),
        p10OutputTokensPerSecond: z.number().nullable().describe('One in ten is slower.'),
        p90OutputTokensPerSecond: z.number().nullable().describe('One in ten is faster.'),
        medianOutputTokensPerSecond: z
          .number()
          .nullable()
          .describe('From the first token to the last byte; at most 1 % off.'),
      }),
    )
    .describe('By provider, then model. Percentiles are at most 1 % off.'),
  ...echoed,
});

const usageDimensions = [
  'model',
  'asked_model',
  'answered_model',
  'provider',
  'project',
  'session',
  'agent_name',
  'tool',
  'client_version',
  'outcome',
  'day',
  'hour',
  'hour_of_day',
] as const;
const groupsMax = 3;

const by = z
  .string()
  .optional()
  .transform((text, context) => {
    const names = text === undefined ? ['model'] : text.split(',');
    const known = names.filter((name): name is UsageDimension =>
      (usageDimensions as readonly string[]).includes(name),
    );
    if (known.length === names.length && known.length <= groupsMax && new Set(known).size === known.length)
      return known;
    const message = `must be at most ${groupsMax} different ones of ${usageDimensions.join(', ')}, with commas`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .describe(
    `What the sums are by, up to ${groupsMax} with commas; default \`model\`. \`${usageDimensions.join('`, `')}\`.`,
  );

export type UsageDimension = (typeof usageDimensions)[number];

const usage = z.strictObject({
  groups: z
    .array(
      z.strictObject({
        key: z
          .record(z.string(), z.union([z.string(), z.number(), z.null()]))
          .describe('One value for each name in `by`; null where there is none.'),
        requests: z.number(),
        ...sums,
        thinkingTokens: z.number(),
        totalTokens: tokens,
        cacheReadShare: z
          .number()
          .nullable()
          .describe('Share of all input that was read from a cache, 0 to 1; null without input.'),
        cacheWriteShare: z
          .number()
          .nullable()
          .describe('Share of all input that was written to a cache, 0 to 1; null without input.'),
        avgResponseMs: milliseconds.nullable(),
      }),
    )
    .describe('In the order of time where `by` has days or hours, else the most tokens first.'),
  total: z.number().describe('Groups that there are, `limit` or not.'),
  timeZone: z.string(),
  ...echoed,
});

const fact = z.number().nullable();
const rateLimits = z.strictObject({
  windows: z
    .array(
      z.strictObject({
        provider: z.string().nullable(),
        window: z
          .string()
          .describe('As the provider names it, such as `requests`, `input-tokens`, `5h` or `7d`.'),
        points: z
          .array(
            z.strictObject({
              at: z.string(),
              limit: fact.describe('What is allowed.'),
              remaining: fact,
              used: fact.describe('Share that is used, 0 to 1.'),
              resetsAt: z.string().nullable(),
              status: z.string().nullable().describe('In words of the provider, such as `allowed_warning`.'),
            }),
          )
          .describe(
            'The last answer of each minute that had one, the oldest first; null where it did not say.',
          ),
      }),
    )
    .describe('By provider, then window.'),
  ...echoed,
});

const routing = z.strictObject({
  providers: byProvider,
  subagents: bySubagent,
  timeRange: z.strictObject({ start: z.string(), end: z.string() }),
});

const optionalRange = {
  start: instant.optional().describe('From this time on. Only together with `end`.'),
  end: instant.optional().describe('Before this time. Only together with `start`.'),
  q,
};

function route<const Path extends string, Query extends z.ZodRawShape, Schema extends z.ZodType>(
  path: Path,
  summary: string,
  query: Query,
  schema: Schema,
  statuses: Readonly<Record<number, string>> = rangeMissing,
) {
  return {
    method: 'GET',
    path,
    summary,
    query: z.object(query),
    answer: { kind: 'json', schema },
    statuses,
  } as const satisfies Route;
}

const zoned = { tz: timeZone, model_of: modelOf };
const daySums = 'Requests and tokens of each day, and of each model in it.';
const hourSums = 'Requests and tokens of each hour of the day, and of each model in it.';
const modelSums = 'Requests and tokens of each model.';
const providerSums = 'Requests, tokens, times and errors of each provider.';
const subagentSums = 'Requests, tokens and times of each subagent by provider and model.';
const toolSums = 'How often each tool was offered and called.';
const speeds = 'How long answers take, by provider and model.';

/** The two generations of each route say the same; they differ in what a missing range means. */
export const statisticsRoutes = {
  'stats.daily': route(
    '/api/stats',
    `${daySums} Without a range the last 7 days, today among them.`,
    { ...optionalRange, ...zoned },
    daily,
    {},
  ),
  'stats.hourly': route('/api/stats/hourly', hourSums, { ...range, ...zoned }, hourly),
  'stats.models': route('/api/stats/models', modelSums, { ...range, model_of: modelOf }, byModel),
  'stats.providers': route('/api/stats/providers', providerSums, range, byProvider),
  'stats.subagents': route('/api/stats/subagents', subagentSums, range, bySubagent),
  'stats.tools': route('/api/stats/tools', toolSums, range, byTool),
  'stats.performance': route(
    '/api/stats/performance',
    speeds,
    { ...range, model_of: performanceModelOf },
    performance,
  ),
  'stats.daily.v2': route(
    '/api/v2/stats',
    `${daySums} Without a range the last 30 days, today among them.`,
    { ...optionalRange, ...zoned },
    daily,
    {},
  ),
  'stats.hourly.v2': route('/api/v2/stats/hourly', hourSums, { ...range, ...zoned }, hourly),
  'stats.models.v2': route('/api/v2/stats/models', modelSums, { ...range, model_of: modelOf }, byModel),
  'stats.providers.v2': route('/api/v2/stats/providers', providerSums, range, byProvider),
  'stats.subagents.v2': route('/api/v2/stats/subagents', subagentSums, range, bySubagent),
  'stats.tools.v2': route('/api/v2/stats/tools', toolSums, range, byTool),
  'stats.performance.v2': route(
    '/api/v2/stats/performance',
    speeds,
    { ...range, model_of: performanceModelOf },
    performance,
  ),
  'stats.usage': route(
    '/api/v2/stats/usage',
    'Requests, tokens, cost and the use of caches by whatever is asked for.',
    {
      ...range,
      by,
      tz: timeZone,
      limit: z
        .string()
        .optional()
        .transform((text) => (text !== undefined && /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 1000))
        .describe('Groups at most, 1 to 9999; default 1000.'),
    },
    usage,
  ),
  'stats.rateLimits': route(
    '/api/v2/stats/rate-limits',
    'What providers said in the heads of their answers about limits and how much of them is used, by time.',
    {
      start,
      end,
      provider: z.string().optional().describe('Only this provider.'),
      window: z.string().optional().describe('Only this window.'),
      limit: z
        .string()
        .optional()
        .transform((text) => (text !== undefined && /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 1500))
        .describe('Points of each window at most, the newest, 1 to 9999; default 1500.'),
    },
    rateLimits,
  ),
  'routing.stats': route(
    '/api/v2/routing/stats',
    'Requests by provider and by subagent. Without a range the last 24 hours.',
    optionalRange,
    routing,
    {},
  ),
} as const satisfies Record<string, Route>;
