import { createHash } from 'node:crypto';
import { type ExchangeId, type HeaderList, newExchangeId } from '#exchange';
import { asArray, asObject, asText, dialectOf, type JsonObject } from '#formats';

import { type ImportedParts, understandImported } from '#recorder';
import type { ExchangeToStore } from '#store';
import type { LegacyRow } from './legacy-database.ts';

/** The core that an imported exchange names: none of ours had it. */
export const importedCoreId = 'imported';

/** Why a row cannot be brought in, as a sentence, or what it becomes. Pure. */
export type LegacyExchange =
  | { readonly kind: 'exchange'; readonly toStore: ExchangeToStore }
  | { readonly kind: 'unreadable'; readonly sentence: string };

/**
 * What a row becomes. The same row always becomes the same exchange, so importing twice changes nothing. Answers that
 * were streamed are put together from the lines that were kept, because the message that was kept lacks everything but text.
 * @param fingerprint replaces credentials that the system before kept as they were, such as cookies
 */
export function legacyExchange(
  row: LegacyRow,
  fingerprint: (headers: HeaderList) => HeaderList,
): LegacyExchange {
  const receivedAtMs = Date.parse(row.timestamp ?? '');
  if (Number.isNaN(receivedAtMs)) return unreadable(row, `its time is ${JSON.stringify(row.timestamp)}`);
  if (row.body === null) return unreadable(row, 'it has no request body, or one of more than 128 MiB');
  const answer = row.response === null ? undefined : asObject(parsed(row.response));
  if (row.response !== null && answer === undefined)
    return unreadable(row, 'its answer is not a JSON object');
  const toStore = understandImported({
    id: idOf(row, receivedAtMs),
    coreId: importedCoreId,
    receivedAtMs,
    method: row.method ?? 'POST',
    target: row.endpoint ?? '',
    requestHeaders: fingerprint(headersOf(parsed(row.headers ?? ''))),
    requestBody: Buffer.from(row.body),
    route: routeOf(row),
    ...(answer === undefined ? {} : { answer: answerOf(row, answer, fingerprint) }),
    usage: usageOf(row),
  });
  return { kind: 'exchange', toStore };
}

function unreadable({ id }: LegacyRow, why: string): LegacyExchange {
  return { kind: 'unreadable', sentence: `request ${id}: ${why}` };
}

function idOf({ id }: LegacyRow, receivedAtMs: number): ExchangeId {
  return newExchangeId(receivedAtMs, createHash('sha256').update(`imported ${id}`).digest());
}

function routeOf(row: LegacyRow): ImportedParts['route'] {
  const asked = row.original_model || row.model || undefined;
  const routed = row.routed_model || undefined;
  return {
    // The system before had providers of its own; without the column there was one kind.
    provider: row.provider || 'anthropic',
    format: dialectOf(row.endpoint ?? '')?.name.startsWith('openai') ? 'openai' : 'anthropic',
    ...(asked === undefined ? {} : { askedModel: asked }),
    ...(routed === undefined || routed === asked ? {} : { routedModel: routed }),
    ...(row.subagent_name ? { agentName: row.subagent_name } : {}),
    reason: `Imported from the history of the system before, where it was request ${row.id}.`,
    upstreamTarget: '',
  };
}

function answerOf(
  row: LegacyRow,
  answer: JsonObject,
  fingerprint: (headers: HeaderList) => HeaderList,
): NonNullable<ImportedParts['answer']> {
  const status = answer.statusCode;
  const lines = asArray(answer.streamingChunks)?.flatMap((line) => asText(line) ?? []) ?? [];
  const isStream = lines.length > 0;
  const kept = fingerprint(headersOf(answer.headers));
  const times = { firstByteMs: row.first_byte_time_ms ?? 0, lastByteMs: row.response_time_ms ?? 0 };
  return {
    status: typeof status === 'number' && Number.isInteger(status) ? status : 200,
    // What the bodies are now: the encoding they travelled in is gone, and so is their framing.
    headers: withContentType(kept, isStream),
    body: isStream ? streamOf(lines) : Buffer.from(bodyText(answer)),
    ...(times.firstByteMs > 0 ? { firstByteMs: times.firstByteMs } : {}),
    ...(times.lastByteMs > 0 ? { lastByteMs: times.lastByteMs } : {}),
  };
}

function bodyText(answer: JsonObject): string {
  if (answer.body !== undefined && answer.body !== null) return JSON.stringify(answer.body);
  return asText(answer.bodyText) ?? '';
}

/** The lines that were kept begin with `data: `; the client was sent the name of each event before it. */
function streamOf(lines: readonly string[]): Buffer {
  const events = lines.map((line) => {
    const data = line.replace(/^data: ?/, '');
    const type = asText(asObject(parsed(data))?.type);
    return `${type === undefined ? '' : `event: ${type}\n`}data: ${data}\n\n`;
  });
  return Buffer.from(events.join(''));
}

function headersOf(json: unknown): string[] {
  return Object.entries(asObject(json) ?? {}).flatMap(([name, values]) =>
    (asArray(values) ?? []).flatMap((value) => {
      const text = asText(value);
      return text === undefined ? [] : [name, text];
    }),
  );
}

const goneWithTheWire = new Set(['content-encoding', 'transfer-encoding', 'content-length']);

function withContentType(headers: HeaderList, isStream: boolean): HeaderList {
  const left: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (goneWithTheWire.has(name) || (isStream && name === 'content-type')) continue;
    left.push(headers[i]!, headers[i + 1]!);
  }
  return isStream ? [...left, 'Content-Type', 'text/event-stream'] : left;
}

/** Zero was also written where nothing was known. */
function usageOf(row: LegacyRow): ImportedParts['usage'] {
  const known = (tokens: number | null | undefined) => (tokens && tokens > 0 ? tokens : undefined);
  const counts = {
    inputTokens: known(row.input_tokens),
    outputTokens: known(row.output_tokens),
    cacheReadTokens: known(row.cache_read_tokens),
    cacheWriteTokens: known(row.cache_creation_tokens),
  };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
