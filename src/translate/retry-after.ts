import { asArray, asObject } from '#formats';

/**
 * How many seconds a provider asks to wait, from the places where clients of Anthropic do not look: `retry-after-ms`,
 * the `RetryInfo` of Google's errors, or the sentence itself. A `retry-after` header needs no help.
 */
export function retryAfterOf(body: unknown, message: string, headers: readonly string[]): number | undefined {
  if (headerValue(headers, 'retry-after') !== undefined) return undefined;
  const milliseconds = headerValue(headers, 'retry-after-ms');
  if (milliseconds !== undefined) return wholeSeconds(Number(milliseconds) / 1000);
  return delayInDetails(body) ?? delayInSentence(message);
}

export function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]!.toLowerCase() === name) return headers[at + 1]!.slice(0, 256);
  }
  return undefined;
}

function delayInDetails(body: unknown): number | undefined {
  const outer = asObject(Array.isArray(body) ? body[0] : body);
  for (const detail of asArray(asObject(outer?.error)?.details)) {
    const delay = asObject(detail)?.retryDelay;
    const seconds = typeof delay === 'string' ? /^([\d.]{1,12})s$/.exec(delay)?.[1] : undefined;
    if (seconds !== undefined) return wholeSeconds(Number(seconds));
  }
  return undefined;
}

const secondsOf: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60 };

/** `… try again in 1.2s`, `… in 6m0s`, `… in 20 seconds`. */
function delayInSentence(message: string): number | undefined {
  const match = /try again in ([\d.]{1,12}) ?(ms|s|m)(?:([\d.]{1,12})s)?/i.exec(message);
  if (match === null) return undefined;
  const [, amount, unit, rest] = match;
  return wholeSeconds(Number(amount) * secondsOf[unit!.toLowerCase()]! + Number(rest ?? 0));
}

function wholeSeconds(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds >= 0 && seconds <= 86_400 ? Math.ceil(seconds) : undefined;
}
