import { pipeline } from 'node:stream/promises';
import type { RequestLog, RouteBody } from '#api';
import { asCliError, callApi, getJson, readText } from './api-client.ts';
import type { GlobalOptions } from './global-options.ts';
import { print, printable, printJson } from './output.ts';
import { readConfig } from './read-config.ts';
import { duration } from './request-line.ts';
import { type ShownBody, shownBodies } from './shown-bodies.ts';

/** Shows one request: its facts, everything as JSON, or the exact bytes of one of its bodies. */
export async function show(
  id: string,
  options: GlobalOptions & { readonly json?: true; readonly body?: ShownBody },
): Promise<void> {
  const { config } = await readConfig(options);
  const path = `/api/v2/requests/${encodeURIComponent(id)}`;
  if (options.body !== undefined) {
    const { status, body } = await callApi(config, `${path}/body?side=${options.body}`, { accept: '*/*' });
    if (status !== 200) throw asCliError(status, await readText(body));
    await pipeline(body, process.stdout, { end: false });
    return;
  }
  const request = await getJson<RouteBody<'requests.one.v2'>>(config, path);
  if (options.json) printJson({ v: 1, ...request });
  else for (const [name, value] of facts(request)) print(`${name.padEnd(12)} ${printable(value)}`);
}

function facts(request: RequestLog): (readonly [string, string])[] {
  const { response, timings, usageDetails: usage, unaltered, bytesMissing } = request;
  const all: (readonly [string, string | undefined])[] = [
    ['id', request.requestId],
    ['received', request.timestamp],
    ['request', `${request.method} ${request.endpoint}${request.query === '' ? '' : `?${request.query}`}`],
    ['status', response === undefined ? 'no answer reached the client' : String(response.statusCode)],
    ['outcome', [request.outcome, request.cause].filter((one) => one !== undefined).join(': ')],
    ['problem', request.problem],
    [
      'error',
      [request.errorType, request.errorMessage].filter((one) => one !== undefined).join(': ') || undefined,
    ],
    ['asked model', request.model],
    ['sent model', request.routedModel],
    ['answered by', request.answeredModel],
    ['provider', [request.provider, request.format].filter((one) => one !== undefined).join(', ')],
    ['route', request.routeReason],
    ...request.attempts.map((attempt) => ['attempt', attemptText(attempt)] as const),
    ['dropped', request.dropped.join('; ')],
    [
      'estimate',
      response?.headers['X-Throughline-Estimate'] &&
        'tokens were estimated here, not counted by the provider',
    ],
    ['session', request.sessionId],
    ['agent', [request.subagentName, request.agentId].filter((one) => one !== undefined).join(', ')],
    ['client', request.clientVersion ?? request.userAgent],
    ['tokens', usageText(usage)],
    ['stop reason', request.stopReason],
    ['tools called', request.toolsCalled.join(', ') || undefined],
    [
      'time',
      `${duration(response?.responseTime)}, first byte ${milliseconds(timings.firstByteUs)}, ours ${milliseconds(timings.addedUs)}`,
    ],
    ['bytes', `${request.requestBytes} sent, ${request.responseBytes} received`],
    ['unaltered', `request ${yesNo(unaltered.request)}, response ${yesNo(unaltered.response)}`],
    ['missing', missingText(bytesMissing)],
    ['bodies', `throughline show ${request.requestId} --body ${bodiesOf(request).join('|')}`],
  ];
  return all.filter((fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== '');
}

/** One try in one line: who was asked for what, what came of it and when, and what followed from it. */
function attemptText(attempt: RequestLog['attempts'][number]): string {
  const { provider, model, status, cause, waitMs, startedUs, endedUs, reason } = attempt;
  const result = status === undefined ? attempt.result : `${attempt.result} ${status}`;
  const wait = waitMs === undefined ? '' : `, after a wait of ${waitMs} ms`;
  const until = endedUs === undefined ? '' : ` to ${milliseconds(endedUs)}`;
  return [
    `${attempt.attempt}: ${provider}${model === undefined ? '' : ` (${model})`} ${result}`,
    ...(cause === undefined ? [] : [`: ${cause}`]),
    `, ${milliseconds(startedUs)}${until}${wait}`,
    ...(reason === undefined ? [] : [`; ${reason}`]),
  ].join('');
}

function bodiesOf({ providerRequest, providerResponse }: RequestLog): ShownBody[] {
  return shownBodies.filter(
    (side) =>
      (side !== 'provider-request' || providerRequest !== undefined) &&
      (side !== 'provider-response' || providerResponse !== undefined),
  );
}

function usageText(usage: RequestLog['usageDetails']): string | undefined {
  const parts = [
    ['input', usage.inputTokens],
    ['output', usage.outputTokens],
    ['cache read', usage.cacheReadTokens],
    ['cache write', usage.cacheWriteTokens],
    ['thinking', usage.thinkingTokens],
  ].flatMap(([name, tokens]) => (tokens === undefined ? [] : [`${name} ${tokens}`]));
  return parts.length === 0 ? undefined : parts.join(', ');
}

function missingText(missing: RequestLog['bytesMissing']): string | undefined {
  const [request, response] = [Number(missing.request), Number(missing.response)];
  return request + response === 0
    ? undefined
    : `${request} bytes of the request, ${response} bytes of the response`;
}

function milliseconds(microseconds: number | undefined): string {
  return microseconds === undefined ? 'unknown' : `${(microseconds / 1000).toFixed(1)} ms`;
}

function yesNo(value: unknown): string {
  return value === true ? 'yes' : 'no';
}
