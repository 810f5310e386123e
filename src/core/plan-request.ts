import type { CoreProvider } from '#core-config';
import type { RouteChosen } from '#exchange';
import { clientFormatOf, type Route, translationOf } from '#routing';
import {
  type AnswerContext,
  anthropicToOpenAiRequest,
  capabilitiesOf,
  claudeCapabilitiesOf,
  estimateTokens,
  type ModelCapabilities,
  openAiToAnthropicRequest,
  patchModel,
  type TranslatedRequest,
} from '#translate';
import type { Arrival } from './accept.ts';
import { answerWhole } from './answer-whole.ts';
import type { CoreContext } from './core-context.ts';
import { failExchange } from './fail.ts';
import { HeldBody } from './held-body.ts';
import { modelOf } from './peek-body.ts';
import { authOf, providerHeadersFor, targetFor, translatedHeadersFor } from './provider-headers.ts';
import { withKey } from './provider-keys.ts';
import { providerModel, renamesModels } from './provider-models.ts';
import { providerTarget } from './provider-target.ts';
import type { RunningExchange } from './running-exchange.ts';
import type { Upstream } from './upstream.ts';

/** A route with what was learned on the way to it. */
export interface CoreRoute extends Route<CoreProvider> {
  readonly agentName?: string | null | undefined;
  readonly askedModel?: string | undefined;
}

/** All that one attempt needs. */
export interface RequestPlan {
  readonly upstream: Upstream;
  readonly path: string;
  readonly headers: readonly string[];
  /** The whole body when it is not the client's own; otherwise that is relayed as it comes. */
  readonly body?: Uint8Array;
  /** The body is another one than the client's. */
  readonly isRewritten?: boolean;
  /** The beginning of the client's body, when somebody has looked at it. */
  readonly held?: HeldBody | undefined;
  /** As far as it is known. */
  readonly model?: string | undefined;
  /** There when the answer has to be said in the client's format. */
  readonly context?: AnswerContext;
}

/** More is not held to be rewritten. */
const rewrittenBytesMax = 32 * 1024 * 1024;

interface PlanOrder {
  readonly arrival: Arrival;
  readonly chosen: CoreRoute;
  readonly held?: HeldBody | undefined;
  /** The whole of it, where it is held by somebody who may send it again. */
  readonly body?: Uint8Array | undefined;
  /** Is told instead of the client when the request cannot be said for this provider. */
  readonly refused?: ((sentence: string) => void) | undefined;
}

/**
 * Says the request as the provider of a route wants it, and writes down where it goes and why. What goes on as it came
 * is planned at once; what has to be rewritten is held first.
 * @returns undefined when the exchange got its answer here
 */
export function planRequest(
  core: CoreContext,
  exchange: RunningExchange,
  order: PlanOrder,
): RequestPlan | Promise<RequestPlan | undefined> {
  const { arrival } = order;
  const found = core.upstreams.get(order.chosen.provider.name);
  if (found === undefined) throw new Error(`provider "${order.chosen.provider.name}" has no upstream`);
  const { method } = exchange.request;
  const { upstream, remark } = withKey(found, exchange.request.rawHeaders, core.balance);
  const chosen = remark === undefined ? order.chosen : withRemark(order.chosen, remark);
  const path = withoutQuery(arrival.path);
  const translation = translationFor(method!, path, { ...chosen, provider: upstream.provider });
  if (translation === 'count-tokens') return estimate(core, exchange, { ...order, chosen });
  if (translation !== undefined) {
    return translated(core, exchange, { ...order, chosen, translation }, upstream);
  }
  const isRenamed = clientFormatOf(method!, path) !== undefined && renamesModels(chosen.provider);
  if (chosen.model !== undefined || isRenamed) return patched(core, exchange, { ...order, chosen }, upstream);

  const target = targetOf(core, arrival, upstream);
  noteRoute(core, exchange, chosen, { path: target });
  const headers = providerHeadersFor(exchange.request.rawHeaders, method!, upstream);
  const whole = order.body === undefined ? {} : { body: order.body };
  return { upstream, path: target, headers, held: order.held, model: chosen.askedModel, ...whole };
}

/** Everything else of the body stays as the client wrote it. */
async function patched(
  core: CoreContext,
  exchange: RunningExchange,
  { arrival, chosen, held, body: given }: PlanOrder,
  upstream: Upstream,
): Promise<RequestPlan | undefined> {
  const body = given ?? (await wholeBody(core, exchange, held));
  if (body === undefined) return undefined;
  const askedModel = modelOf(body);
  const wanted = chosen.model ?? askedModel;
  const model = wanted === undefined ? undefined : providerModel(chosen.provider, wanted).name;
  const changed = model === undefined || askedModel === model ? undefined : patchModel(body, model);
  const routedModel = changed === undefined || model === undefined ? {} : { routedModel: model };
  const path = targetOf(core, arrival, upstream);
  noteRoute(core, exchange, { ...chosen, askedModel }, { path, ...routedModel });
  const sent = changed ?? body;
  const { rawHeaders, method } = exchange.request;
  const headers = providerHeadersFor(rawHeaders, method!, upstream, sent.length);
  return { upstream, path, headers, body: sent, isRewritten: changed !== undefined, model: wanted };
}

/**
 * Chat completions that no rule has claimed go as they came to an Anthropic-format provider that gets the client's own
 * credential: nobody has asked for them to be touched, and Anthropic answers them itself.
 */
function translationFor(method: string, path: string, { provider, isUnrouted }: CoreRoute) {
  const translation = translationOf(method, path, provider.format);
  const isLeftAlone = translation === 'to-anthropic' && isUnrouted === true && authOf(provider) === 'client';
  return isLeftAlone ? undefined : translation;
}

type Translation = Exclude<ReturnType<typeof translationOf>, 'count-tokens' | undefined>;

interface TranslationOrder {
  readonly model: string;
  readonly overrides: Partial<ModelCapabilities>;
  /** Of the exchange. */
  readonly id: string;
}

/** The request in the words of the provider. */
const requestIn: Readonly<
  Record<Translation, (body: Uint8Array, order: TranslationOrder) => TranslatedRequest>
> = {
  'to-openai': (body, { model, overrides, id }) =>
    anthropicToOpenAiRequest(body, {
      model,
      capabilities: capabilitiesOf(model, overrides),
      thinking: 'drop',
      messageId: `msg_${id}`,
    }),
  'to-anthropic': (body, { model, overrides: { maxOutputTokens }, id }) =>
    openAiToAnthropicRequest(body, {
      model,
      capabilities: claudeCapabilitiesOf(model, maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      thinking: 'keep-as-reasoning',
      messageId: `chatcmpl-${id}`,
      createdS: Math.floor(Date.now() / 1000),
    }),
};

async function translated(
  core: CoreContext,
  exchange: RunningExchange,
  { chosen, held, body: given, refused, translation }: PlanOrder & { readonly translation: Translation },
  upstream: Upstream,
): Promise<RequestPlan | undefined> {
  const body = given ?? (await wholeBody(core, exchange, held));
  if (body === undefined) return undefined;
  const askedModel = modelOf(body);
  const { name: model, overrides } = providerModel(chosen.provider, chosen.model ?? askedModel ?? '');
  const said = requestIn[translation](body, { model, overrides, id: exchange.id });
  const told = { ...chosen, askedModel };
  if (said.kind === 'refused') {
    if (refused !== undefined) {
      refused(said.sentence);
      return undefined;
    }
    noteRoute(core, exchange, told, { dropped: said.dropped });
    const problem = { code: 'not-translatable', detail: said.sentence } as const;
    failExchange(core, exchange, { problem, end: 'answered-by-us', cause: said.sentence });
    return undefined;
  }
  const path = `/v1${said.path}`;
  const routedModel = model === askedModel ? {} : { routedModel: model };
  noteRoute(core, exchange, told, { path, dropped: said.dropped, ...routedModel });
  const headers = translatedHeadersFor(exchange.request.rawHeaders, upstream, {
    bodyBytes: said.body.length,
    isStreaming: said.isStreaming,
  });
  const { body: sent, context } = said;
  return {
    upstream,
    path,
    headers,
    body: sent,
    isRewritten: true,
    context,
    model: chosen.model ?? askedModel,
  };
}

/** Providers of the other format cannot count without answering. */
async function estimate(
  core: CoreContext,
  exchange: RunningExchange,
  { chosen, held }: PlanOrder,
): Promise<undefined> {
  const request = await wholeBody(core, exchange, held);
  if (request === undefined) return undefined;
  const reason = `${chosen.reason}; estimated here, "${chosen.provider.name}" does not count tokens`;
  noteRoute(core, exchange, { ...chosen, askedModel: modelOf(request), reason }, {});
  const body = Buffer.from(JSON.stringify({ input_tokens: estimateTokens(request) }));
  const headers = [
    ...['content-type', 'application/json', 'content-length', String(body.length)],
    ...['request-id', `req_${exchange.id}`, 'x-throughline-estimate', '1'],
  ];
  answerWhole(exchange, { status: 200, headers, body }, { source: 'throughline', end: 'finished' });
  return undefined;
}

/** Undefined when the exchange has ended meanwhile, or ends here because there is too much. */
async function wholeBody(
  core: CoreContext,
  exchange: RunningExchange,
  held = new HeldBody(core, exchange),
): Promise<Uint8Array | undefined> {
  const fits = await held.growWhole(rewrittenBytesMax);
  if (exchange.answerPhase !== 'none') return undefined;
  if (!fits) {
    const problem = {
      code: 'body-too-large',
      detail: 'at most 32 MiB can be routed to another model',
    } as const;
    failExchange(core, exchange, { problem, end: 'answered-by-us' });
    return undefined;
  }
  return held.release();
}

interface SentAs {
  /** Absent = nothing was sent. */
  readonly path?: string;
  readonly routedModel?: string;
  readonly dropped?: readonly string[];
}

function noteRoute(core: CoreContext, exchange: RunningExchange, chosen: CoreRoute, sent: SentAs): void {
  const { provider, reason, agentName, askedModel } = chosen;
  const { path, routedModel, dropped = [] } = sent;
  const note: { -readonly [Key in keyof RouteChosen]: RouteChosen[Key] } = {
    provider: provider.name,
    format: provider.format,
    reason,
    upstreamTarget: path === undefined ? '' : core.fingerprints.target(providerTarget(provider, path)),
  };
  if (askedModel !== undefined) note.askedModel = askedModel;
  if (routedModel !== undefined) note.routedModel = routedModel;
  if (typeof agentName === 'string') note.agentName = agentName;
  if (dropped.length > 0) note.dropped = dropped;
  exchange.route = note;
  exchange.journal.routeChosen(note);
}

function withRemark(chosen: CoreRoute, remark: string): CoreRoute {
  return { ...chosen, reason: `${chosen.reason}; ${remark}` };
}

function targetOf({ fingerprints }: CoreContext, { path }: Arrival, { provider }: Upstream): string {
  return targetFor(path, provider, (target) => fingerprints.target(target));
}

export function withoutQuery(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? path : path.slice(0, at);
}
