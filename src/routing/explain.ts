import type { Known } from './known.ts';
import { type RoutedProvider, type RouteTable, route } from './route.ts';

/** A request as a person describes it; what is left out it does not have. */
export interface ImaginedRequest {
  readonly agent?: string | undefined;
  readonly model?: string | undefined;
  readonly session?: string | undefined;
  readonly tag?: string | undefined;
  readonly class?: string | undefined;
  /** Absent = `/v1/messages`. */
  readonly path?: string | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly isThinking?: boolean | undefined;
  /** Names and values in turn. */
  readonly headers?: readonly string[] | undefined;
  readonly bytes?: number | undefined;
  readonly minuteOfDay: number;
}

export interface Explanation {
  readonly provider: string | null;
  readonly format: 'anthropic' | 'openai' | null;
  /** What the provider would be asked for; null when nobody knows. */
  readonly model: string | null;
  readonly reason: string;
}

/** Where such a request would go, and why. Nothing is sent. */
export function explainRoute(asked: ImaginedRequest, table: RouteTable<RoutedProvider>): Explanation {
  const decision = route(knownOf(asked), table);
  if (decision.kind === 'problem') {
    return {
      provider: null,
      format: null,
      model: null,
      reason: decision.problem.detail ?? decision.problem.code,
    };
  }
  if (decision.kind === 'missing')
    throw new Error(`everything is known, and ${decision.missing} was asked for`);
  const { provider, model, reason } = decision.route;
  return { provider: provider.name, format: provider.format, model: model ?? asked.model ?? null, reason };
}

function knownOf(asked: ImaginedRequest): Known {
  const bytes = asked.bytes ?? 0;
  return {
    method: 'POST',
    path: asked.path ?? '/v1/messages',
    headers: asked.headers ?? [],
    minuteOfDay: asked.minuteOfDay,
    bodyBytes: bytes,
    agentName: asked.agent ?? null,
    ...(asked.agent === undefined ? {} : { agentId: asked.agent }),
    ...(asked.session === undefined ? {} : { sessionId: asked.session }),
    ...(asked.tag === undefined ? {} : { tag: asked.tag }),
    ...(asked.class === undefined ? {} : { requestClass: asked.class }),
    body: {
      bytes,
      ...(asked.model === undefined ? {} : { model: asked.model }),
      ...(asked.tools === undefined ? {} : { tools: asked.tools }),
      ...(asked.isThinking === undefined ? {} : { isThinking: asked.isThinking }),
    },
  };
}
