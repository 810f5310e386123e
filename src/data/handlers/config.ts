import type { DataConfig } from '#config';
import type { Handlers } from '../handler.ts';

/** What the configuration says, secrets left out by whoever resolved it. */
export function configHandlers({
  shown,
}: Pick<DataConfig, 'shown'>): Handlers<'config.all' | 'config.providers' | 'config.subagents'> {
  return {
    'config.all': async () => ({ body: allOf(shown) }),
    'config.providers': async () => ({ body: objectOf(shown.providers) }),
    'config.subagents': async () => ({ body: subagentsOf(shown.subagents) }),
  };
}

/** With the keys that older clients look into, whether the file has them or not. */
function allOf(shown: DataConfig['shown']): Record<string, unknown> {
  return {
    ...shown,
    subagents: subagentsOf(shown.subagents),
    routing: { tasks: null, provider_profiles: null, ...objectOf(shown.routing) },
  };
}

export function subagentsOf(value: unknown): { enable: boolean; mappings: Record<string, string> } {
  const { enable, mappings } = objectOf(value);
  const entries = Object.entries(objectOf(mappings)).map(([agent, target]) => [agent, String(target)]);
  return { enable: enable === true, mappings: Object.fromEntries(entries) };
}

export function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
