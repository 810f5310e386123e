import type { RouteCondition } from '#core-config';
import { headerValue } from '#exchange';
import { fitsGlob } from './glob.ts';
import type { Known, Missing } from './known.ts';

/** Whether a condition holds, or what has to be known to say so. */
export type Verdict = boolean | Missing;

/**
 * Judges all parts of a condition. One part that does not hold settles it, whatever is not known about the others, so
 * that nothing is looked up for a rule that cannot match.
 */
export function judgeCondition(when: RouteCondition, known: Known): Verdict {
  let missing: Missing | undefined;
  for (const verdict of verdicts(when, known)) {
    if (verdict === false) return false;
    // The body costs more than the name.
    if (verdict !== true && missing !== 'agent-name') missing = verdict;
  }
  return missing ?? true;
}

function* verdicts(when: RouteCondition, known: Known): Generator<Verdict> {
  const { body, headers } = known;
  if (when.path !== undefined) yield fitsAny(known.path, when.path);
  if (when.tag !== undefined) yield fitsAny(known.tag, when.tag);
  if (when.session !== undefined) yield fitsAny(known.sessionId, when.session);
  if (when.class !== undefined) yield fitsAny(known.requestClass, when.class);
  if (when.time !== undefined) yield isWithin(known.minuteOfDay, when.time);
  for (const [name, patterns] of Object.entries(when.header ?? {})) {
    yield fitsAny(headerValue(headers, name), patterns);
  }
  if (when.agent !== undefined) {
    yield known.agentName === undefined ? 'agent-name' : fitsAny(known.agentName ?? undefined, when.agent);
  }
  if (when.bodyBytes !== undefined) {
    const bytes = known.bodyBytes ?? body?.bytes;
    yield bytes === undefined ? 'body' : bytes >= when.bodyBytes.min && bytes <= when.bodyBytes.max;
  }
  if (when.model !== undefined) yield body === undefined ? 'body' : fitsAny(body.model, when.model);
  if (when.thinking !== undefined) {
    yield body === undefined ? 'body' : (body.isThinking ?? false) === when.thinking;
  }
  if (when.tool !== undefined) {
    const patterns = when.tool;
    yield body === undefined ? 'body' : (body.tools ?? []).some((tool) => fitsAny(tool, patterns));
  }
}

function fitsAny(text: string | undefined, patterns: readonly string[]): boolean {
  return text !== undefined && patterns.some((pattern) => fitsGlob(text, pattern));
}

function isWithin(minute: number, { fromMinute, toMinute }: NonNullable<RouteCondition['time']>): boolean {
  if (fromMinute <= toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}
