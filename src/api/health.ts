import { z } from 'zod';
import { joinRate } from './conversations.ts';
import type { Route } from './route.ts';

export const dataHealth = z
  .strictObject({
    status: z
      .enum(['ok', 'degraded', 'unavailable'])
      .describe('`degraded`: reading works, recording does not. `unavailable`: the database cannot be read.'),
    service: z.literal('proxy-data'),
    version: z.string(),
    database: z.enum(['connected', 'unavailable']),
    indexer: z.enum(['not_configured', 'running']).describe('The index of transcripts.'),
    timestamp: z.string(),
    database_detail: z.strictObject({
      engine: z.string(),
      exchanges: z.number().optional(),
      bytes: z.number().optional(),
      schema_version: z.number().optional(),
      free_bytes: z.number().optional().describe('Of the disk that the database is on.'),
      disk: z
        .enum(['ok', 'low'])
        .optional()
        .describe('`low`: less is free than `storage.min_free`, or than 1 GB where that is not set.'),
      trouble: z.string().optional(),
    }),
    recorder: z.strictObject({
      state: z.enum(['recording', 'waiting-for-store', 'failed', 'stopped', 'not-running']),
      trouble: z.string().optional(),
      lag_ms: z.number().optional().describe('Age of the oldest record that is not stored yet.'),
      lag_bytes: z.number().optional(),
      exchanges_stored: z.number().optional(),
      open_exchanges: z.number().optional(),
      last_commit: z.string().optional(),
    }),
    derived: z
      .strictObject({
        state: z
          .enum(['current', 'deriving', 'rebuilding', 'trouble', 'elsewhere', 'not-running'])
          .describe(
            '`deriving`: statistics and search lack what came last. `elsewhere`: another process derives, as a rule the one that this one replaces.',
          ),
        through: z
          .number()
          .optional()
          .describe('How far recorded requests are derived, in the order of recording.'),
        serves_earlier: z
          .boolean()
          .optional()
          .describe('While rebuilding: answers come from what was derived before, instead of from a part.'),
        of: z.number().optional().describe('How many were ever recorded.'),
        percent: z
          .number()
          .optional()
          .describe('Of everything that is there, requests and transcripts, rounded down.'),
        requests_per_second: z.number().optional().describe('Over the last half minute.'),
        eta_seconds: z
          .number()
          .optional()
          .describe('Until everything that is there now is derived; absent while nobody can tell.'),
        behind_seconds: z
          .number()
          .optional()
          .describe(
            'For how long something has been recorded that is not derived; 0 while there is nothing.',
          ),
        transcripts: z
          .strictObject({ through: z.number(), of: z.number() })
          .optional()
          .describe('How far transcripts are derived, in pieces of the archive.'),
        trouble: z.string().optional(),
      })
      .describe('Statistics, search and everything else that is computed from what was recorded.'),
    transcripts: z
      .strictObject({
        state: z
          .enum(['scanning', 'reading', 'current'])
          .describe('`scanning`: the first look at everything is not over.'),
        files: z.number(),
        bytes: z.number().describe('Of all files that were seen.'),
        bytes_archived: z.number(),
        percent: z.number(),
        bytes_per_second: z.number().optional().describe('Over the last half minute.'),
        eta_seconds: z.number().optional().describe('Absent while nobody can tell.'),
        unreadable: z.number().describe('Files and directories that could not be read.'),
      })
      .optional()
      .describe('How far transcripts are read; absent when another process reads them, or nobody.'),
    join: joinRate
      .optional()
      .describe(
        'How answers in transcripts meet those that were recorded, some seconds ago; absent before that was looked at.',
      ),
    live_listeners: z.number(),
  })
  .meta({ id: 'DataHealth' });
export type DataHealth = z.output<typeof dataHealth>;

const text = { kind: 'text', contentType: 'text/plain; charset=utf-8' } as const;

export const healthRoutes = {
  'health.data': {
    method: 'GET',
    path: '/health',
    summary: 'How proxy-data is doing.',
    query: z.object({}),
    answer: { kind: 'json', schema: dataHealth },
    statuses: { 503: 'The database cannot be read; the body has the same shape.' },
  },
  'health.live': {
    method: 'GET',
    path: '/livez',
    summary: 'Whether the process answers.',
    query: z.object({}),
    answer: text,
    statuses: {},
  },
  'health.ready': {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether the process can do its work: the database can be read and it is not leaving.',
    query: z.object({}),
    answer: text,
    statuses: { 503: 'Not ready.' },
  },
  'health.metrics': {
    method: 'GET',
    path: '/metrics',
    summary: 'Counters in the text format of Prometheus.',
    query: z.object({}),
    answer: { kind: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    statuses: {},
  },
} as const satisfies Record<string, Route>;
