import { prose } from './agent-prose.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly input_schema: Readonly<Record<string, unknown>>;
}

const names = [
  'Agent',
  'Bash',
  'Edit',
  'ListAgents',
  'Read',
  'Report',
  'Schedule',
  'Skill',
  'ToolSearch',
  'Workflow',
  'Plan',
  'Write',
];

/** Tool declarations of a plausible shape. @param bytes of all of them together, as JSON, roughly */
export function agentTools(random: SeededRandom, count: number, bytes: number): Tool[] {
  return names.slice(0, count).map((name) => {
    const share = Math.max(120, Math.round((bytes / count) * (0.5 + random.next())) - 420);
    return { name, description: prose(random, share), input_schema: schema(random) };
  });
}

function schema(random: SeededRandom): Readonly<Record<string, unknown>> {
  const property = (): unknown => ({ type: 'string', description: prose(random, 60) });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      path: property(),
      pattern: property(),
      limit: { type: 'number', description: prose(random, 40) },
    },
    required: ['path'],
    additionalProperties: false,
  };
}
