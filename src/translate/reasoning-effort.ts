import { asObject, type JsonObject } from '#formats';
import type { ModelCapabilities } from './capabilities.ts';
import { type DroppedWords, quoted } from './dropped-words.ts';

interface EffortOptions {
  readonly capabilities: ModelCapabilities;
  readonly dropped: DroppedWords;
}

/** Words for effort, Anthropic's and OpenAI's together, from none to all. */
const scale: readonly string[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
const usualLevels: readonly string[] = ['low', 'medium', 'high'];

/**
 * How hard the model shall think, in the fields the provider has for it. An effort that is named counts before a
 * budget of tokens; the newest message that names one counts before the request.
 */
export function reasoningFields(request: JsonObject, { capabilities, dropped }: EffortOptions): JsonObject {
  const thinking = asObject(request.thinking);
  return {
    ...effortField(askedEffort(request, thinking), capabilities, dropped),
    ...switchField(thinking, capabilities),
  };
}

/** Whether the client wants to see what the model thought. */
export function asksForThinking(request: JsonObject, keepsReasoning: boolean): boolean {
  const { type, display } = asObject(request.thinking) ?? {};
  const isAsked = type === 'enabled' || type === 'adaptive';
  return isAsked && (display !== 'omitted' || keepsReasoning);
}

interface AskedEffort {
  readonly level: string;
  /** What the client called it. */
  readonly words: string;
}

function askedEffort(request: JsonObject, thinking: JsonObject | undefined): AskedEffort | undefined {
  if (thinking?.type === 'disabled') return { level: 'none', words: 'thinking switched off' };
  const named = namedEffort(request);
  if (typeof named === 'string') return { level: named, words: `effort ${quoted(named)}` };
  const budget = thinking?.budget_tokens;
  if (thinking?.type !== 'enabled' || typeof budget !== 'number') return undefined;
  return { level: levelOfBudget(budget), words: `a thinking budget of ${budget} tokens` };
}

function namedEffort(request: JsonObject): unknown {
  const messages = Array.isArray(request.messages) ? request.messages : [];
  const latest = messages.findLast((message) => typeof effortOf(message) === 'string');
  return effortOf(latest) ?? effortOf(request);
}

function effortOf(value: unknown): unknown {
  return asObject(asObject(value)?.output_config)?.effort;
}

function levelOfBudget(tokens: number): string {
  if (tokens <= 4096) return 'low';
  return tokens <= 16_384 ? 'medium' : 'high';
}

function effortField(
  asked: AskedEffort | undefined,
  capabilities: ModelCapabilities,
  dropped: DroppedWords,
): JsonObject {
  if (asked === undefined) return {};
  const isOff = asked.level === 'none';
  if (capabilities.reasoningEffort === 'none') {
    if (!isOff) dropped.add(`${asked.words}: the model cannot be told how hard to think`);
    return {};
  }
  const level = nearestLevel(asked.level, capabilities.effortLevels ?? usualLevels);
  if (level !== undefined) return { reasoning_effort: level };
  dropped.add(`${asked.words}: unknown here`);
  return {};
}

/** The level itself, or else the nearest that is taken; of two the lower one. */
function nearestLevel(asked: string, levels: readonly string[]): string | undefined {
  const place = scale.indexOf(asked);
  if (place < 0) return undefined;
  const distance = (level: string) => Math.abs(scale.indexOf(level) - place);
  return levels.filter((level) => scale.includes(level)).sort((a, b) => distance(a) - distance(b))[0];
}

function switchField(thinking: JsonObject | undefined, { thinkingSwitch }: ModelCapabilities): JsonObject {
  if (thinkingSwitch !== true || thinking === undefined) return {};
  return { thinking: { type: thinking.type === 'disabled' ? 'disabled' : 'enabled' } };
}
