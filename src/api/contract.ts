import { z } from 'zod';
import { blockRoutes } from './blocks.ts';
import { claudeRoutes } from './claude.ts';
import { configRoutes } from './config.ts';
import { conversationRoutes } from './conversations.ts';
import { eventRoutes } from './events.ts';
import { healthRoutes } from './health.ts';
import { projectRoutes } from './projects.ts';
import { requestRoutes } from './requests.ts';
import type { BodyOf, QueryOf } from './route.ts';
import { routingRoutes } from './routing.ts';
import { searchRoutes } from './search.ts';
import { sessionRoutes } from './sessions.ts';
import { statisticsRoutes } from './statistics.ts';

/** Every route of proxy-data, once. Handlers, documentation and clients are derived from it. */
export const contract = {
  ...requestRoutes,
  ...projectRoutes,
  ...blockRoutes,
  ...eventRoutes,
  ...configRoutes,
  ...claudeRoutes,
  ...conversationRoutes,
  ...routingRoutes,
  ...searchRoutes,
  ...healthRoutes,
  ...sessionRoutes,
  ...statisticsRoutes,
} as const;

export type RouteKey = keyof typeof contract;
export type RouteQuery<K extends RouteKey> = QueryOf<(typeof contract)[K]>;
export type RouteBody<K extends RouteKey> = BodyOf<(typeof contract)[K]>;

/** The body of every error. */
export const errorBody = z
  .strictObject({
    error: z.string().describe('A sentence for a person.'),
    code: z.string().optional().describe('The problem code.'),
  })
  .meta({ id: 'Error' });
export type ErrorBody = z.output<typeof errorBody>;
