import { createHash } from 'node:crypto';
import { asArray, asObject, type JsonObject, parseJson } from '#formats';

/** What differs between two attempts at the same request, or is none of it. */
const leftOut = new Set(['metadata', 'stream', 'thread', 'diagnostics', 'safeguards', 'data_flow']);
const billingPrefix = 'x-anthropic-billing-header:';

/**
 * The digest that Claude Code notes in `api-request` lines, of a body as it went over the wire. It is internal to the
 * client and may change with any release: two that are equal mean something, two that differ do not.
 * @param betas value of the header `anthropic-beta`
 * @returns SHA-256, 64 hex characters; undefined for what is no such body
 */
export function requestDigest(body: Uint8Array, betas: string | undefined): string | undefined {
  const request = asObject(parseJson(body));
  if (request === undefined) return undefined;
  const pieces: string[] = [];
  try {
    writeCanonical(digested(request, betas), pieces);
  } catch {
    // Nested deeper than the stack: no client writes that.
    return undefined;
  }
  return createHash('sha256').update(pieces.join('')).digest('hex');
}

function digested(request: JsonObject, betas: string | undefined): ReadonlyMap<string, unknown> {
  const kept = new Map<string, unknown>(Object.entries(request).filter(([key]) => !leftOut.has(key)));
  if (Array.isArray(request.system))
    kept.set(
      'system',
      request.system.filter((block) => !String(asObject(block)?.text ?? '').startsWith(billingPrefix)),
    );
  kept.set('messages', asArray(request.messages).map(inBlocks));
  if (betas !== undefined)
    kept.set(
      'betas',
      betas.split(',').map((beta) => beta.trim()),
    );
  return kept;
}

function inBlocks(message: unknown): unknown {
  const { content } = asObject(message) ?? {};
  if (typeof content !== 'string') return message;
  return new Map<string, unknown>([
    ...Object.entries(asObject(message)!),
    ['content', [{ type: 'text', text: content }]],
  ]);
}

/** JSON with sorted keys and without spaces. */
function writeCanonical(value: unknown, pieces: string[]): void {
  if (Array.isArray(value)) {
    pieces.push('[');
    value.forEach((element, index) => {
      if (index > 0) pieces.push(',');
      writeCanonical(element, pieces);
    });
    pieces.push(']');
    return;
  }
  const entries = value instanceof Map ? [...value] : asObject(value) && Object.entries(asObject(value)!);
  if (entries === undefined) {
    pieces.push(JSON.stringify(value) ?? 'null');
    return;
  }
  pieces.push('{');
  // By code units, as the client sorts.
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  entries.forEach(([key, element], index) => {
    pieces.push(index > 0 ? ',' : '', JSON.stringify(key), ':');
    writeCanonical(element, pieces);
  });
  pieces.push('}');
}
