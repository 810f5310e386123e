import { z } from 'zod';
import { providerSides } from '#exchange';
import { cursor, lenientInteger, requestFilter, timeZone } from './parameters.ts';
import { openRequest, requestLog, requestSummary } from './request-shapes.ts';
import type { Route } from './route.ts';

const page = { min: 1, max: 1_000_000_000 };
const upTo100000 = { min: 1, max: 100_000 };
const offset = lenientInteger(0, page).describe('Rows to leave out first; default 0.');
const unknownId = 'No request has this id.';
const idHelp = 'The id may be given in full or as a beginning or an end that no other request has.';

const found = {
  q: z
    .string()
    .optional()
    .describe(
      'Only requests that fit this query, see docs/search.md; at most 1000 rows then, and 503 when there are too many to count.',
    ),
  tz: timeZone.describe('Time zone of days in the query, such as `Europe/Berlin`; default `UTC`.'),
};

const nextCursor = z
  .string()
  .nullable()
  .describe('Pass as `cursor` for the next page; null on the last one.');

export const requestRoutes = {
  'requests.full': {
    method: 'GET',
    path: '/api/requests',
    summary: 'Requests with their bodies, newest first, page by page.',
    query: z.object({
      page: lenientInteger(1, page).describe('Page number; default 1.'),
      limit: lenientInteger(10, page).describe('Requests per page; default 10.'),
      model: requestFilter.model,
      ...found,
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({ requests: z.array(requestLog), total: z.number() }),
    },
    statuses: {},
  },
  'requests.clear': {
    method: 'DELETE',
    path: '/api/requests',
    summary: 'Deletes requests and their bodies: all of them, or those that the filter describes.',
    query: z.object({
      ...requestFilter,
      dry_run: z
        .enum(['0', '1', 'false', 'true'])
        .optional()
        .describe('`1` deletes nothing and says how many it would be.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        deleted: z.number(),
        matched: z.number().optional().describe('Only in a dry run: how many would be deleted.'),
        message: z.string(),
      }),
    },
    statuses: {
      400: 'A parameter is not known, or the request has neither JSON content type nor our header.',
    },
    refusesUnknownParameters: true,
  },
  'requests.summary': {
    method: 'GET',
    path: '/api/requests/summary',
    summary: 'One row for each request, newest first.',
    query: z.object({
      ...requestFilter,
      ...found,
      cursor,
      offset,
      limit: lenientInteger(0, upTo100000).describe('Rows at most, 1 to 100000; absent or 0 = all.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        requests: z.array(requestSummary),
        total: z.number().describe('Requests that pass the filter.'),
        offset: z.number(),
        limit: z.number(),
        nextCursor,
      }),
    },
    statuses: {},
  },
  'requests.latestDate': {
    method: 'GET',
    path: '/api/requests/latest-date',
    summary: 'When the newest request was received.',
    query: z.object({}),
    answer: { kind: 'json', schema: z.strictObject({ latestDate: z.string().nullable() }) },
    statuses: {},
  },
  'requests.one': {
    method: 'GET',
    path: '/api/requests/{id}',
    summary: `One request with its bodies. ${idHelp}`,
    query: z.object({}),
    answer: { kind: 'json', schema: z.strictObject({ request: requestLog, fullId: z.string() }) },
    statuses: { 400: 'More than one request matches.', 404: unknownId },
  },
  'requests.list': {
    method: 'GET',
    path: '/api/v2/requests',
    summary:
      'One row for each request, newest first, page by page with a cursor; counts nothing, so it is quick.',
    query: z.object({
      ...requestFilter,
      ...found,
      cursor,
      limit: lenientInteger(100, { min: 1, max: 1000 }).describe('Rows at most, 1 to 1000; default 100.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({ requests: z.array(requestSummary), nextCursor }),
      headers: {
        Link: 'address of the next page, `rel="next"`',
        'X-Next-Cursor': 'the same as `nextCursor`',
      },
    },
    statuses: {},
  },
  'requests.summary.v2': {
    method: 'GET',
    path: '/api/v2/requests/summary',
    summary: 'One row for each request, newest first, as a bare array.',
    query: z.object({
      ...requestFilter,
      ...found,
      cursor,
      offset,
      limit: lenientInteger(100, upTo100000).describe('Rows at most, 1 to 100000; default 100.'),
    }),
    answer: {
      kind: 'json',
      schema: z.array(requestSummary),
      headers: {
        'X-Total-Count': 'requests that pass the filter',
        'X-Offset': 'the offset that was used',
        'X-Limit': 'the limit that was used',
        Link: 'address of the next page, `rel="next"`',
        'X-Next-Cursor': 'cursor of the next page',
      },
    },
    statuses: {},
  },
  'requests.open': {
    method: 'GET',
    path: '/api/v2/requests/open',
    summary: 'Requests in flight, as the recorder saw them last; none while no recorder works.',
    query: z.object({}),
    answer: { kind: 'json', schema: z.array(openRequest) },
    statuses: {},
  },
  'requests.one.v2': {
    method: 'GET',
    path: '/api/v2/requests/{id}',
    summary: `One request with its bodies. ${idHelp}`,
    query: z.object({}),
    answer: { kind: 'json', schema: requestLog },
    statuses: { 400: 'More than one request matches.', 404: unknownId },
  },
  'requests.body': {
    method: 'GET',
    path: '/api/v2/requests/{id}/body',
    summary: 'The exact bytes of one body as a download.',
    query: z.object({
      side: z
        .enum(['request', 'response', ...providerSides])
        .describe(
          'Which body; required. `provider-request` and `provider-response` are what the provider was sent and what it answered, where that is not what the client said and got.',
        ),
      decoded: z
        .enum(['0', '1', 'false', 'true'])
        .optional()
        .describe(
          '`1` undoes the content encoding of `request` and `response` (at most 64 MiB); default is the bytes as on the wire.',
        ),
    }),
    answer: { kind: 'bytes' },
    statuses: {
      400: 'The side is missing, or the body cannot be decoded.',
      410: 'The bodies of the request were deleted, and everything else about it is kept.',
      404: 'No request has this id, or it has no body of its own on that side of the provider.',
    },
  },
} as const satisfies Record<string, Route>;
