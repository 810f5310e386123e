import type { CoreProvider, RouteRule } from '#core-config';
import type { Problem } from '#exchange';
import { type BalanceState, type Counts, chooseAmong } from './balance.ts';
import { clientFormatOf, translationOf } from './client-format.ts';
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
  /** What the choice among several counts now; whoever sends the request remembers it. */
  readonly counted?: { readonly group: string; readonly counts: Counts };
  /** Who takes over when it fails; absent = as the provider has it. */
  readonly fallback?: RouteRule['fallback'];
  /** It is answered where it leads or not at all. */
  readonly isFixed?: true;
  /** No rule has claimed it. */
  readonly isUnrouted?: true;
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
export function route<P extends RoutedProvider>(
  known: Known,
  table: RouteTable<P>,
  balance: BalanceState = atTheBeginning,
): Decision<P> {
  const format = clientFormatOf(known.method, known.path);
  // Claude Code judges with these whether a command is safe to run. Its verdicts are made for its own model.
  if (known.requestClass === 'auxiliary')
    return fixed(byDefault(known, table, 'auxiliary requests are never rerouted'));
  const passedOver: string[] = [];
  for (const rule of table.routes ?? []) {
    if (format === undefined && rule.when.path === undefined) continue;
    const verdict = judgeCondition(rule.when, known);
    if (verdict === false) continue;
    if (verdict !== true) return { kind: 'missing', missing: verdict };
    const target = targetOf(rule, { known, table, balance });
    const provider = table.providers.find(({ name }) => name === target.provider);
    if (provider === undefined) {
      return { kind: 'problem', problem: noProvider(`${rule.name} leads to "${target.provider}"`) };
    }
    if (!canServe(known, provider)) {
      passedOver.push(
        `${rule.name} is passed over, "${provider.name}" does not speak the format of this client`,
      );
      continue;
    }
    if (known.mayBeSafetyCheck === true) {
      if (known.body === undefined) return { kind: 'missing', missing: 'body' };
      if (known.body.tools === undefined || known.body.tools.length === 0)
        return fixed(
          byDefault(known, table, 'what looks like a safety check of Claude Code is never rerouted'),
        );
    }
    const { model, why, counted } = target;
    const reason = [
      `${rule.name}${rule.because === undefined ? '' : `: ${rule.because}`}`,
      ...(why === undefined ? [] : [`${provider.name} is ${why}`]),
      ...passedOver,
    ];
    return {
      kind: 'route',
      route: {
        provider,
        reason: reason.join('; '),
        ...(model === undefined ? {} : { model }),
        ...(counted === undefined ? {} : { counted }),
        ...(rule.fallback === undefined ? {} : { fallback: rule.fallback }),
      },
    };
  }
  const decision = byDefault(known, table, ['no rule claims it', ...passedOver].join('; '));
  return known.mayBeSafetyCheck === true ? fixed(decision) : decision;
}

const atTheBeginning: BalanceState = { isOpen: () => false, countsOf: () => undefined };

interface Target {
  readonly provider: string;
  readonly model?: string;
  /** Why this one of several. */
  readonly why?: string;
  readonly counted?: { readonly group: string; readonly counts: Counts };
}

interface Choice {
  readonly known: Known;
  readonly table: RouteTable;
  readonly balance: BalanceState;
}

/** Where a rule leads: to its provider, or to one of those that share its work and speak the format of the client. */
function targetOf(rule: RouteRule, { known, table, balance }: Choice): Target {
  const { provider, model, among } = rule.to;
  const fixed = { provider, ...(model === undefined ? {} : { model }) };
  if (among === undefined) return fixed;
  const candidates = among.candidates.filter((each) => {
    const found = table.providers.find(({ name }) => name === each.provider);
    return found !== undefined && canServe(known, found);
  });
  if (candidates.length === 0) return fixed;
  // Where the client cannot be understood by all, what is counted for the others stands apart.
  const isNarrowed = candidates.length < among.candidates.length;
  const group = `${rule.name}${isNarrowed ? ' in the format of OpenAI' : ''}`;
  const chosen = chooseAmong(
    { by: among.by, candidates },
    { session: known.sessionId, counts: balance.countsOf(group), isOpen: balance.isOpen },
  );
  return {
    provider: chosen.candidate.provider,
    ...(chosen.candidate.model === undefined ? {} : { model: chosen.candidate.model }),
    why: chosen.reason,
    ...(chosen.counts === undefined ? {} : { counted: { group, counts: chosen.counts } }),
  };
}

/** In its own format, or translated. */
export function canServe(
  { method, path }: Pick<Known, 'method' | 'path'>,
  { format }: RoutedProvider,
): boolean {
  const asked = clientFormatOf(method, path);
  return asked === undefined || asked === format || translationOf(method, path, format) !== undefined;
}

function fixed<P extends RoutedProvider>(decision: Decision<P>): Decision<P> {
  return decision.kind === 'route' ? { ...decision, route: { ...decision.route, isFixed: true } } : decision;
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
  const reason = `default provider, ${why} (${whoAsks(known)})`;
  return { kind: 'route', route: { provider, reason, isUnrouted: true } };
}

function whoAsks({ agentId, agentName }: Known): string {
  const agent = agentName ?? agentId;
  return agent === undefined ? 'main agent or other client' : `subagent ${agent}`;
}

function noProvider(who: string): Problem {
  return { code: 'no-provider', detail: `${who} and does not exist` };
}
