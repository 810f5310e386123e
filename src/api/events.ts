import { z } from 'zod';
import { dataHealth } from './health.ts';
import { openRequest, requestSummary } from './request-shapes.ts';
import type { Route } from './route.ts';

const place = z.strictObject({ lastSequence: z.number() });

export const eventRoutes = {
  'events.stream': {
    method: 'GET',
    path: '/api/v2/events',
    summary:
      'What happens, as it happens. After a break the header `Last-Event-ID` continues where the listener was: the id of an event says how far it was, and in which database. A bare `sequence` is taken as one of the database that there is. A comment comes at least every 15 seconds.',
    query: z.object({
      last_event_id: z.string().optional().describe('The same as the header `Last-Event-ID`, which wins.'),
    }),
    answer: {
      kind: 'events',
      events: {
        ready: place.describe('From here on everything that is stored will be told.'),
        'request-stored': requestSummary,
        open: z
          .strictObject({ requests: z.array(openRequest) })
          .describe('All requests in flight; at the start and when they change, at most twice a second.'),
        health: dataHealth
          .pick({ status: true, database: true, recorder: true })
          .describe('At the start and when a state changes.'),
        index: dataHealth
          .pick({ derived: true, transcripts: true })
          .describe(
            'How far statistics, search and transcripts are; at the start and when that changes, at most once a second.',
          ),
        reset: place.describe(
          'Events were missed, after a long break or because the database is another one: load the list again.',
        ),
      },
    },
    statuses: { 503: 'Too many listeners.' },
  },
} as const satisfies Record<string, Route>;
