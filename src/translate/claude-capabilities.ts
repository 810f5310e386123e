/** What a model takes at a provider of the Messages format. */
export interface ClaudeCapabilities {
  /** Longest answer. Absent = the client's number is sent as it is. */
  readonly maxOutputTokens?: number;
  /** The Messages API wants a limit in every request: this one where the client names none. */
  readonly usualOutputTokens: number;
  /** `budget` = so many tokens of thinking; `adaptive` = as much as the effort allows. */
  readonly thinking: 'none' | 'budget' | 'adaptive';
  /** Levels of `output_config.effort`, from low to high; empty = it is not taken. */
  readonly effortLevels: readonly string[];
  /** `one` = temperature or top_p, never both. */
  readonly sampling: 'all' | 'one' | 'none';
  /** The conversation may end with the beginning of the answer. */
  readonly prefill: boolean;
  /** JSON schemas for answers and strict tools are enforced. */
  readonly strictSchemas: boolean;
}

type Difference = Partial<ClaudeCapabilities>;

/** Of a model that nobody knows: other makers speak this format too, and take the plainest of it. */
const usual: ClaudeCapabilities = {
  usualOutputTokens: 8192,
  thinking: 'none',
  effortLevels: [],
  sampling: 'all',
  prefill: true,
  strictSchemas: false,
};

const claude4: Difference = { maxOutputTokens: 64_000, usualOutputTokens: 32_000, thinking: 'budget' };
const claude45: Difference = { ...claude4, sampling: 'one', strictSchemas: true };
const claude46: Difference = {
  ...claude45,
  maxOutputTokens: 128_000,
  thinking: 'adaptive',
  effortLevels: ['low', 'medium', 'high', 'max'],
  prefill: false,
};
/** Since 4.7 nothing steers the sampling. */
const newest: Difference = {
  ...claude46,
  sampling: 'none',
  effortLevels: ['low', 'medium', 'high', 'xhigh', 'max'],
};

/** The first pattern that fits the name (lower case, without the vendor in front) decides. */
const table: readonly (readonly [RegExp, Difference])[] = [
  [/^claude-3-7/, { ...claude4 }],
  [/^claude-3-5/, { maxOutputTokens: 8192 }],
  [/^claude-(?:3|2|instant)(?!\d)/, { maxOutputTokens: 4096, usualOutputTokens: 4096 }],
  [/^claude-opus-4-1(?!\d)/, { ...claude45, maxOutputTokens: 32_000 }],
  [/^claude-opus-4-5(?!\d)/, { ...claude45, effortLevels: ['low', 'medium', 'high'] }],
  [/^claude-(?:sonnet|haiku)-4-5(?!\d)/, claude45],
  [/^claude-sonnet-4-6(?!\d)/, { ...claude46, maxOutputTokens: 64_000 }],
  [/^claude-opus-4-6(?!\d)/, claude46],
  [/^claude-opus-4(?:-0(?!\d)|(?!-\d(?!\d)))/, { ...claude4, maxOutputTokens: 32_000 }],
  [/^claude-sonnet-4(?:-0(?!\d)|(?!-\d(?!\d)))/, claude4],
  [/^claude-haiku/, claude45],
  [/^claude/, newest],
];

/** What is known about a model by its name, then what the configuration says, which always wins. */
export function claudeCapabilitiesOf(model: string, overrides: Difference = {}): ClaudeCapabilities {
  const bare = model
    .toLowerCase()
    .slice(model.lastIndexOf('/') + 1)
    .replaceAll('.', '-');
  return { ...usual, ...(table.find(([pattern]) => pattern.test(bare))?.[1] ?? {}), ...overrides };
}
