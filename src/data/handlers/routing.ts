import type { DataConfig, RouteTarget } from '#config';
import { explainRoute } from '#routing';
import type { Handlers } from '../handler.ts';
import { objectOf, subagentsOf } from './config.ts';

/** What core decides by, and what it would decide. */
export function routingHandlers({
  shown,
  routing,
}: Pick<DataConfig, 'shown' | 'routing'>): Handlers<
  'routing.config' | 'routing.providers' | 'routing.explain'
> {
  return {
    'routing.config': async () => ({
      body: {
        default_provider: routing.defaultProvider,
        providers: Object.fromEntries(
          Object.entries(objectOf(shown.providers)).map(([name, provider]) => [name, providerOf(provider)]),
        ),
        subagents: subagentsOf(shown.subagents),
        routes: routing.routes.map(({ to, fallback, ...rule }) => ({
          ...rule,
          when: { ...rule.when },
          to: targetOf(to),
          ...(fallback === undefined ? {} : { fallback: fallback.map(({ among: _, ...each }) => each) }),
        })),
      },
    }),
    'routing.providers': async () => ({
      body: [...routing.providers]
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .map(({ name, format }) => {
          const { fallback_provider: one, fallback } = providerOf(objectOf(shown.providers)[name]);
          return {
            name,
            format,
            healthy: true,
            ...(one === '' ? {} : { fallback_provider: one }),
            ...(fallback === undefined ? {} : { fallback }),
          };
        }),
    }),
    'routing.explain': async ({ query }) => {
      const { tool, thinking, ...asked } = query;
      const now = new Date();
      return {
        body: explainRoute(
          {
            ...asked,
            tools: tool === undefined ? undefined : [tool],
            isThinking: thinking === undefined ? undefined : thinking === 'true',
            minuteOfDay: now.getHours() * 60 + now.getMinutes(),
          },
          routing,
        ),
      };
    },
  };
}

function targetOf({ among, ...target }: RouteTarget) {
  if (among === undefined) return target;
  return { ...target, among: { ...among, candidates: [...among.candidates] } };
}

function providerOf(shown: unknown) {
  const {
    base_url: baseUrl,
    format,
    max_retries: retries,
    fallback_provider: fallback,
    fallback: several,
    circuit_breaker: breaker,
  } = objectOf(shown);
  const { enabled, max_failures: failures, timeout } = objectOf(breaker);
  return {
    base_url: String(baseUrl ?? ''),
    format: String(format ?? ''),
    max_retries: Number(retries ?? 0),
    fallback_provider: String(fallback ?? ''),
    ...(several === undefined || several === null ? {} : { fallback: [several].flat().map(String) }),
    circuit_breaker: {
      enabled: String(enabled) === 'true',
      max_failures: Number(failures ?? 0),
      timeout: String(timeout ?? ''),
    },
  };
}
