import type { CoreProvider, RouteRule } from '#core-config';
import type { Problem } from '#exchange';
import { clientFormatOf } from './client-format.ts';
import { judgeCondition } from './condition.ts';
import type { Known, Missing } from './known.ts';

export type RoutedProvider = Pick<CoreProvider, 'name' | 'format'>;

/** The decision: where a request goes, as what, and why. */
export interface Route<P extends RoutedProvider = RoutedProvider> {
  readonly provider: P;
  /** Sent instead of the asked one; absent when that stays. */
  readonly model?: string;
  /** A sentence for a person. */
  readonly reason: string;
}

export interface RouteTable<P extends RoutedProvider = RoutedProvider> {
  readonly providers: readonly P[];
  readonly defaultProvider: string;
  readonly routes?: readonly RouteRule[];
}

export type Decision<P extends RoutedProvider = RoutedProvider> =
  | { readonly kind: 'route'; readonly route: Route<P> }
  /** Find this out and ask again. */
  | { readonly kind: 'missing'; readonly missing: Missing }
  | { readonly kind: 'problem'; readonly problem: Problem };

/**
 * Decides by what is known: the first rule that holds, otherwise the default. Only requests that a model answers are
 * routed, and others only by rules that name their path.
 */
export function route<P extends RoutedProvider>(known: Known, table: RouteTable<P>): Decision<P> {
  const format = clientFormatOf(known.method, known.path);
  // Claude Code judges with these whether a command is safe to run. Its verdicts are made for its own model.
  if (known.requestClass === 'auxiliary')
    return byDefault(known, table, 'auxiliary requests are never rerouted');
  const passedOver: string[] = [];
  for (const rule of table.routes ?? []) {
    if (format === undefined && rule.when.path === undefined) continue;
    const verdict = judgeCondition(rule.when, known);
    if (verdict === false) continue;
    if (verdict !== true) return { kind: 'missing', missing: verdict };
    const provider = table.providers.find(({ name }) => name === rule.to.provider);
    if (provider === undefined) {
      return { kind: 'problem', problem: noProvider(`${rule.name} leads to "${rule.to.provider}"`) };
    }
    if (format === 'openai' && provider.format === 'anthropic') {
      passedOver.push(
        `${rule.name} is passed over, "${provider.name}" does not speak the format of this client`,
      );
      continue;
    }
    if (known.mayBeSafetyCheck === true) {
      if (known.body === undefined) return { kind: 'missing', missing: 'body' };
      if (known.body.tools === undefined || known.body.tools.length === 0)
        return byDefault(known, table, 'what looks like a safety check of Claude Code is never rerouted');
    }
    const { model } = rule.to;
    const reason = [`${rule.name}${rule.because === undefined ? '' : `: ${rule.because}`}`, ...passedOver];
    return {
      kind: 'route',
      route: { provider, reason: reason.join('; '), ...(model === undefined ? {} : { model }) },
    };
  }
  return byDefault(known, table, ['no rule claims it', ...passedOver].join('; '));
}

function byDefault<P extends RoutedProvider>(known: Known, table: RouteTable<P>, why: string): Decision<P> {
  const provider = table.providers.find(({ name }) => name === table.defaultProvider);
  if (provider === undefined)
    return { kind: 'problem', problem: noProvider(`"${table.defaultProvider}" is the default`) };
  if (clientFormatOf(known.method, known.path) === 'openai' && provider.format !== 'openai') {
    const other = table.providers.find(({ format }) => format === 'openai');
    if (other !== undefined) {
      const reason = `first provider that speaks the format of this client, ${why}`;
      return { kind: 'route', route: { provider: other, reason } };
    }
  }
  return { kind: 'route', route: { provider, reason: `default provider, ${why} (${whoAsks(known)})` } };
}

function whoAsks({ agentId, agentName }: Known): string {
  const agent = agentName ?? agentId;
  return agent === undefined ? 'main agent or other client' : `subagent ${agent}`;
}

function noProvider(who: string): Problem {
  return { code: 'no-provider', detail: `${who} and does not exist` };
}
