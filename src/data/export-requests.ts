import { stringify } from 'csv-stringify/sync';
import { type HeaderList, headerValue } from '#exchange';
import type { Store, StoredExchange } from '#store';
import { completedAtMs, instantText, milliseconds, requestSummary } from './request-summary.ts';
import { inlineBytesMax, readDecodedBody } from './stored-body.ts';

/** A request with its price in US dollars; null when that is unknown. */
export type PricedExchange = StoredExchange & { readonly costUsd: number | null };

export type ExportFormat = 'csv' | 'jsonl' | 'har';

export const exportTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson; charset=utf-8',
  har: 'application/json; charset=utf-8',
};

/**
 * Requests as text, one piece for each batch, so that any number of them takes no memory.
 * @param batches newest first, as lists have them
 * @param store of the bodies, which only HAR has
 */
export async function* exportRequests(
  format: ExportFormat,
  batches: AsyncIterable<readonly PricedExchange[]>,
  { store, version }: { readonly store: Store; readonly version: string },
): AsyncGenerator<Uint8Array> {
  if (format === 'csv') yield* asCsv(batches);
  else if (format === 'jsonl') yield* asJsonLines(batches);
  else yield* asHar(batches, store, version);
}

async function* asJsonLines(batches: AsyncIterable<readonly PricedExchange[]>): AsyncGenerator<Uint8Array> {
  for await (const batch of batches)
    yield Buffer.from(
      batch
        .map((exchange) => `${JSON.stringify({ ...requestSummary(exchange), costUsd: exchange.costUsd })}\n`)
        .join(''),
    );
}

const columns = {
  time: ({ receivedAtMs }) => instantText(receivedAtMs),
  request_id: ({ id }) => id,
  session_id: ({ sessionId }) => sessionId,
  agent_id: ({ agentId }) => agentId,
  agent: ({ agentName }) => agentName,
  method: ({ method }) => method,
  path: ({ path }) => path,
  tag: ({ tag }) => tag,
  provider: ({ provider }) => provider,
  asked_model: ({ askedModel }) => askedModel,
  routed_model: ({ routedModel }) => routedModel,
  answered_model: ({ answeredModel }) => answeredModel,
  status: ({ status }) => status,
  outcome: ({ outcome }) => outcome,
  stop_reason: ({ stopReason }) => stopReason,
  error_type: ({ errorType }) => errorType,
  input_tokens: ({ usage }) => usage.inputTokens,
  output_tokens: ({ usage }) => usage.outputTokens,
  cache_read_tokens: ({ usage }) => usage.cacheReadTokens,
  cache_write_tokens: ({ usage }) => usage.cacheWriteTokens,
  thinking_tokens: ({ usage }) => usage.thinkingTokens,
  cost_usd: ({ costUsd }) => costUsd,
  first_byte_ms: ({ firstByteUs }) => milliseconds(firstByteUs),
  first_token_ms: ({ firstTokenUs }) => milliseconds(firstTokenUs),
  total_ms: ({ lastByteUs, closedUs }) => milliseconds(lastByteUs ?? closedUs),
  request_bytes: ({ requestBytes }) => requestBytes,
  response_bytes: ({ responseBytes }) => responseBytes,
  tools_called: ({ toolsCalled }) => toolsCalled.join(' '),
  client_version: ({ clientVersion }) => clientVersion,
} as const satisfies Record<string, (exchange: PricedExchange) => string | number | null | undefined>;

async function* asCsv(batches: AsyncIterable<readonly PricedExchange[]>): AsyncGenerator<Uint8Array> {
  // Names come from outside, and a spreadsheet would run one that begins like a formula.
  const options = { escape_formulas: true, record_delimiter: 'windows' } as const;
  yield Buffer.from(stringify([Object.keys(columns)], options));
  for await (const batch of batches) {
    const rows = batch.map((exchange) => Object.values(columns).map((read) => read(exchange) ?? ''));
    yield Buffer.from(stringify(rows, options));
  }
}

/** HTTP Archive 1.2, http://www.softwareishard.com/blog/har-12-spec/ */
async function* asHar(
  batches: AsyncIterable<readonly PricedExchange[]>,
  store: Store,
  version: string,
): AsyncGenerator<Uint8Array> {
  const creator = JSON.stringify({ name: 'throughline', version });
  yield Buffer.from(`{"log":{"version":"1.2","creator":${creator},"entries":[`);
  let separator = '\n';
  for await (const batch of batches) {
    for (const exchange of batch) {
      yield Buffer.from(`${separator}${JSON.stringify(await harEntry(store, exchange))}`);
      separator = ',\n';
    }
  }
  yield Buffer.from('\n]}}\n');
}

async function harEntry(store: Store, exchange: PricedExchange) {
  const ms = (us: number | undefined) => (us === undefined ? -1 : us / 1000);
  const first = exchange.firstByteUs ?? exchange.lastByteUs ?? exchange.closedUs ?? 0;
  const end = Math.max(first, exchange.lastByteUs ?? exchange.closedUs ?? first);
  const sent = Math.min(first, exchange.forwardedUs ?? 0);
  const query = exchange.query ?? '';
  return {
    startedDateTime: instantText(exchange.receivedAtMs),
    time: ms(end),
    request: {
      method: exchange.method,
      url: `http://throughline.invalid${exchange.path}${query === '' ? '' : `?${query.replace(/^\?/, '')}`}`,
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: harHeaders(exchange.requestHeaders),
      queryString: [...new URLSearchParams(query)].map(([name, value]) => ({ name, value })),
      headersSize: -1,
      bodySize: exchange.requestBytes,
      postData: await harBody(store, exchange, 'request'),
    },
    response: {
      status: exchange.status ?? 0,
      statusText: '',
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: harHeaders(exchange.responseHeaders),
      redirectURL: '',
      headersSize: -1,
      bodySize: exchange.responseBytes,
      content: { size: exchange.responseBytes, ...(await harBody(store, exchange, 'response')) },
    },
    cache: {},
    timings: { send: ms(sent), wait: ms(first - sent), receive: ms(end - first) },
    _requestId: exchange.id,
    _sessionId: exchange.sessionId,
    _outcome: exchange.outcome,
    _costUsd: exchange.costUsd,
    _completedDateTime: instantText(completedAtMs(exchange)),
  };
}

function harHeaders(headers: HeaderList): { name: string; value: string }[] {
  const list = [];
  for (let i = 0; i + 1 < headers.length; i += 2) list.push({ name: headers[i]!, value: headers[i + 1]! });
  return list;
}

async function harBody(store: Store, exchange: StoredExchange, side: 'request' | 'response') {
  const headers = side === 'request' ? exchange.requestHeaders : exchange.responseHeaders;
  const mimeType = headerValue(headers, 'content-type') ?? 'application/octet-stream';
  const body = await readDecodedBody(store, exchange, side, inlineBytesMax);
  if (body.kind === 'too-large') return { mimeType, text: '', comment: 'The body is larger than 8 MiB.' };
  if (body.kind === 'unreadable') return { mimeType, text: '', comment: body.sentence };
  const text = Buffer.from(body.bytes).toString('utf8');
  if (Buffer.from(text).equals(body.bytes)) return { mimeType, text };
  // A request has no such key in the format, so it says so in words.
  const base64 = Buffer.from(body.bytes).toString('base64');
  return { mimeType, text: base64, encoding: 'base64', comment: 'base64' };
}
