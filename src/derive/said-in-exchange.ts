import { createHash } from 'node:crypto';
import { headerValue } from '#exchange';
import {
  asArray,
  type ByteRange,
  dialectOf,
  parseJson,
  type Said,
  saidInAnswer,
  saidInMessage,
  sliceJson,
  understandAnswer,
} from '#formats';
import type { Store, StoredExchange, TextPlace } from '#store';
import { decodedBody } from './decoded-body.ts';
import { filesInAnswer } from './files-touched.ts';

export type SaidText = TextPlace['said'][number];

/** Messages by session and bytes that were read already: an agent sends its whole conversation with each turn. */
export class KnownMessages {
  readonly #known = new Set<string>();

  /** What they said was forgotten, so they are new. */
  clear(): void {
    this.#known.clear();
  }

  /** Whether it is new; it is not, the next time. */
  note(sessionId: string | undefined, bytes: Uint8Array): boolean {
    const key = createHash('sha256').update(`${sessionId}\0`).update(bytes).digest('base64url');
    if (this.#known.has(key)) return false;
    // Reading some of them again costs time only.
    if (this.#known.size >= messagesMax) this.#known.clear();
    this.#known.add(key);
    return true;
  }
}

const messagesMax = 100_000;
const messageKeys = ['messages', 'input'] as const;

/**
 * What an exchange says that is new to its session, in the order in which it was said, and the files that its answer
 * works on. Prompts of programs are no talk.
 */
export async function saidInExchange(
  facts: Store,
  exchange: StoredExchange,
  known: KnownMessages,
): Promise<Pick<TextPlace, 'said' | 'touched'>> {
  const dialect = dialectOf(exchange.path);
  if (dialect === undefined || dialect.name === 'anthropic-count-tokens') return { said: [] };
  const request = await decodedBody(facts, exchange, 'request');
  const response = await decodedBody(facts, exchange, 'response');
  const answer = understandAnswer(dialect, response, headerValue(exchange.responseHeaders, 'content-type'));
  const message = answer.errorType === undefined ? answer.assembledMessage : undefined;
  const answered = message ? saidInAnswer(message) : [];
  const all = [...saidInRequest(request, exchange.sessionId, known), ...answered];
  return {
    said: all.flatMap((said) => talk(said) ?? []),
    touched: message ? filesInAnswer(message) : [],
  };
}

function saidInRequest(bytes: Uint8Array, sessionId: string | undefined, known: KnownMessages): Said[] {
  const slices = sliceJson(bytes, new Set(messageKeys));
  if (slices === undefined) return [];
  return messageKeys.flatMap((key) => {
    const elements = slices.elements.get(key);
    const whole = slices.values.get(key);
    if (elements !== undefined)
      return elements.flatMap((range) => (isNew(range) ? saidInMessage(parsed(range)) : []));
    return whole === undefined || !isNew(whole) ? [] : asArray([parsed(whole)]).flatMap(saidInMessage);
  });

  function isNew({ start, end }: ByteRange): boolean {
    return known.note(sessionId, bytes.subarray(start, end));
  }
  function parsed({ start, end }: ByteRange): unknown {
    return parseJson(bytes.subarray(start, end));
  }
}

export function talk({ kind, role, text }: Said): SaidText | undefined {
  if (kind === 'system' || role === 'system') return undefined;
  return { kind, role, text };
}
