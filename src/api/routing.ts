import { z } from 'zod';
import type { Route } from './route.ts';

const target = z.strictObject({
  provider: z.string().describe('Of several the best by what matters.'),
  model: z.string().optional(),
  among: z
    .strictObject({
      by: z.string().describe('What matters, in words.'),
      candidates: z.array(
        z.strictObject({
          provider: z.string(),
          model: z.string().optional(),
          score: z.number(),
          weight: z.number(),
        }),
      ),
    })
    .optional()
    .describe('Providers that share the work of the rule, best first.'),
});

const rule = z.strictObject({
  name: z.string(),
  when: z.record(z.string(), z.unknown()).describe('What has to hold, as docs/routing.md has it.'),
  to: target,
  fallback: z
    .array(z.strictObject({ provider: z.string(), model: z.string().optional() }))
    .optional()
    .describe('Who takes over, instead of those of the provider.'),
  because: z.string().optional(),
});

const provider = z.strictObject({
  base_url: z.string(),
  format: z.string(),
  max_retries: z.number(),
  fallback_provider: z.string().describe('Empty when there is none.'),
  fallback: z.array(z.string()).optional().describe('Who takes over in its place, in this order.'),
  circuit_breaker: z.strictObject({ enabled: z.boolean(), max_failures: z.number(), timeout: z.string() }),
});

export const routingRoutes = {
  'routing.config': {
    method: 'GET',
    path: '/api/v2/routing/config',
    summary: 'Everything that decides where a request goes.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        default_provider: z.string(),
        providers: z.record(z.string(), provider),
        subagents: z.strictObject({ enable: z.boolean(), mappings: z.record(z.string(), z.string()) }),
        routes: z
          .array(rule)
          .describe('In order, the first that holds decides; mappings of subagents are the last.'),
      }),
    },
    statuses: {},
  },
  'routing.providers': {
    method: 'GET',
    path: '/api/v2/routing/providers',
    summary:
      'The providers by name. Whether they answer is told by `/health` of proxy-core, not by `healthy` here.',
    query: z.object({}),
    answer: {
      kind: 'json',
      schema: z.array(
        z.strictObject({
          name: z.string(),
          format: z.string(),
          healthy: z
            .boolean()
            .describe(
              'Always true: proxy-data asks no provider. `/health` and `throughline_breakers_open` of proxy-core tell.',
            ),
          fallback_provider: z.string().optional(),
          fallback: z.array(z.string()).optional(),
        }),
      ),
    },
    statuses: {},
  },
  'routing.explain': {
    method: 'GET',
    path: '/api/v2/routing/explain',
    summary: 'Where a request would go, and why. Nothing is sent.',
    query: z.object({
      agent: z.string().optional().describe('Name of the subagent.'),
      model: z.string().optional().describe('The asked model.'),
      session: z.string().optional().describe('Session id.'),
      tag: z.string().optional().describe('Tag of the address.'),
      class: z.string().optional().describe('Class of the request.'),
      path: z.string().optional().describe('Path; `/v1/messages` when absent.'),
      tool: z.string().optional().describe('Name of a declared tool.'),
      thinking: z.enum(['true', 'false']).optional().describe('Whether thinking is on.'),
    }),
    answer: {
      kind: 'json',
      schema: z.strictObject({
        provider: z.string().nullable(),
        format: z.enum(['anthropic', 'openai']).nullable(),
        model: z
          .string()
          .nullable()
          .describe('What the provider would be asked for; null when nobody knows.'),
        reason: z.string(),
      }),
    },
    statuses: {},
  },
} as const satisfies Record<string, Route>;
