import { z } from 'zod';
import type { Route } from './route.ts';

const freeForm = z.record(z.string(), z.unknown());

export const configRoutes = {
  'config.all': {
    method: 'GET',
    path: '/api/v2/config',
    summary: 'The configuration in use, without secrets.',
    query: z.object({}),
    answer: { kind: 'json', schema: freeForm },
    statuses: {},
  },
  'config.providers': {
    method: 'GET',
    path: '/api/v2/config/providers',
    summary: 'The configured providers by name, without secrets.',
    query: z.object({}),
    answer: { kind: 'json', schema: freeForm },
    statuses: {},
  },
  'config.subagents': {
    method: 'GET',
    path: '/api/v2/config/subagents',
    summary: 'Which agents are sent to which model.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({ enable: z.boolean(), mappings: z.record(z.string(), z.string()) }),
    },
    statuses: {},
  },
} as const satisfies Record<string, Route>;
