import type { ToolIdForm } from './tool-ids.ts';

/** What a model of a provider accepts; from the table below, overridable for each provider in the configuration. */
export interface ModelCapabilities {
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Absent = the client's number is sent as it is. */
  readonly maxOutputTokens?: number;
  readonly temperature: boolean;
  readonly topP: boolean;
  readonly stop: boolean;
  /** How many stop sequences are taken; absent = as many as there are. */
  readonly stopMax?: number;
  readonly images: boolean;
  /** PDF files as parts of a message. Text documents are part of the text and need nothing. */
  readonly documents: boolean;
  readonly tools: boolean;
  /** Whether `parallel_tool_calls` is known. */
  readonly parallelTools: boolean;
  readonly reasoningEffort: 'none' | 'openai';
  /** Whether `stream_options.include_usage` is known. */
  readonly streamUsage: boolean;
  readonly systemRole: 'system' | 'developer';
  /** Whether `strict: true` is known for tools and answer schemas. */
  readonly strictTools: boolean;
  /** Whether `top_k` is known. Absent = no. */
  readonly topK?: boolean;
  /** System messages in the middle of a conversation are taken. Absent = no: they become part of the user's. */
  readonly systemAnywhere?: boolean;
  /** A user message may follow the results of tools. Absent = yes. */
  readonly userAfterTool?: boolean;
  /** Absent = `any`. */
  readonly toolIds?: ToolIdForm;
  /** `auto` = the model cannot be made to call a tool. Absent = `all`. */
  readonly toolChoice?: 'all' | 'auto';
  /** Further tools are left out. Absent = no limit. */
  readonly toolsMax?: number;
  /** Longer descriptions are cut, and stand in full in the system prompt. Absent = no limit. */
  readonly toolDescriptionMax?: number;
  /** `openapi` = keywords outside of the OpenAPI subset are refused. Absent = `full`. */
  readonly toolSchema?: 'full' | 'openapi';
  /** Given with every earlier call of a tool, for providers that want one of their own marks there. */
  readonly toolCallExtra?: { readonly [key: string]: unknown };
  /** Levels of effort that are taken, from low to high. Absent = low, medium, high. */
  readonly effortLevels?: readonly string[];
  /** Thinking is switched by `thinking: {type: enabled | disabled}`. Absent = no. */
  readonly thinkingSwitch?: boolean;
  /** Where earlier reasoning is taken when it is kept. Absent = `reasoning_content`. */
  readonly reasoningHistory?: 'reasoning_content' | 'none';
  /** How the form of an answer can be asked for. Absent = `json_schema`. */
  readonly answerFormat?: 'json_schema' | 'json_object' | 'none';
}

type Difference = Partial<ModelCapabilities>;

/** What most servers of open models take. Images too: a server that takes none says so, a lost image says nothing. */
const usual: ModelCapabilities = {
  maxTokensField: 'max_tokens',
  temperature: true,
  topP: true,
  stop: true,
  stopMax: 4,
  images: true,
  documents: false,
  tools: true,
  parallelTools: true,
  reasoningEffort: 'none',
  streamUsage: true,
  systemRole: 'system',
  strictTools: false,
};

const openai: Difference = {
  maxTokensField: 'max_completion_tokens',
  documents: true,
  strictTools: true,
  systemAnywhere: true,
  toolsMax: 128,
};

/** OpenAI's reasoning models refuse what steers the sampling. */
const openaiReasoning: Difference = {
  ...openai,
  temperature: false,
  topP: false,
  stop: false,
  reasoningEffort: 'openai',
  systemRole: 'developer',
};

const gpt5: Difference = { ...openaiReasoning, maxOutputTokens: 128_000 };

const gemini: Difference = {
  maxOutputTokens: 65_536,
  stopMax: 5,
  parallelTools: false,
  reasoningEffort: 'openai',
  toolSchema: 'openapi',
};

/** What Google documents for calls that came from elsewhere: their signature cannot be had. */
const callWithoutSignature = {
  extra_content: { google: { thought_signature: 'skip_thought_signature_validator' } },
};

const glm: Difference = {
  maxOutputTokens: 98_304,
  stopMax: 1,
  parallelTools: false,
  toolChoice: 'auto',
  thinkingSwitch: true,
  answerFormat: 'json_object',
};

const mistral: Difference = {
  streamUsage: false,
  toolIds: 'nine',
  userAfterTool: false,
  reasoningHistory: 'none',
};

/** Anthropic's own models behind a gateway that speaks the format of OpenAI. */
const claude: Difference = { documents: true, stopMax: 8191, topK: true };

/** The first pattern that fits the name (lower case, without the vendor in front) decides. */
const table: readonly (readonly [RegExp, Difference])[] = [
  [/^gpt-oss/, { images: false, reasoningEffort: 'openai', topK: true }],
  [/^(?:gpt-5[\d.]*|chatgpt)-?(?:chat|4o)/, { ...openai, maxOutputTokens: 16_384 }],
  [/^gpt-5\.1/, { ...gpt5, effortLevels: ['none', 'low', 'medium', 'high'] }],
  [/^gpt-(?:5\.[2-9]|[6-9])/, { ...gpt5, effortLevels: ['none', 'low', 'medium', 'high', 'xhigh'] }],
  [/^gpt-5/, { ...gpt5, effortLevels: ['minimal', 'low', 'medium', 'high'] }],
  [/^o[1-9](?:$|[-:@])/, { ...openaiReasoning, parallelTools: false, maxOutputTokens: 100_000 }],
  [/^codex/, { ...openaiReasoning, maxOutputTokens: 100_000 }],
  [/^gpt-4\.1/, { ...openai, maxOutputTokens: 32_768 }],
  [/^gpt-4o/, { ...openai, maxOutputTokens: 16_384 }],
  [/^gpt-4-(?:turbo|vision|\d{4}-preview)/, { ...openai, maxOutputTokens: 4096, documents: false }],
  [/^gpt-4/, { ...openai, maxOutputTokens: 8192, images: false, documents: false }],
  [/^gpt-3\.5/, { ...openai, maxOutputTokens: 4096, images: false, documents: false }],
  [/^gemini-(?:[3-9]|[1-9]\d)/, { ...gemini, toolCallExtra: callWithoutSignature }],
  [/^gemini/, gemini],
  [/^claude/, claude],
  [
    /^deepseek-chat/,
    { maxOutputTokens: 8192, images: false, parallelTools: false, answerFormat: 'json_object' },
  ],
  [
    /^deepseek/,
    { maxOutputTokens: 65_536, images: false, parallelTools: false, answerFormat: 'json_object' },
  ],
  [/^glm-[\d.]+v/, glm],
  [/^glm/, { ...glm, images: false }],
  [/^(?:codestral|devstral|magistral|mixtral|open-mi[sx]tral)/, { ...mistral, images: false }],
  [/^(?:mistral|ministral|pixtral)/, mistral],
  [
    /^grok-(?:3-mini)/,
    { stop: false, reasoningEffort: 'openai', effortLevels: ['low', 'high'], images: false },
  ],
  [/^grok/, { stop: false }],
  [/^(?:qwen|qwq|qvq).*(?:vl|omni)|^qvq/, { topK: true }],
  [/^(?:qwen3\.[5-9]|qwen[4-9])/, { topK: true }],
  [/^(?:qwen|qwq)/, { images: false, topK: true }],
  [/^kimi-k2(?:$|[-:](?!5))/, { images: false, answerFormat: 'json_object' }],
  [/^(?:llama-?3|codellama|phi-?[1-4](?!.*vision)|starcoder|minimax)/, { images: false, topK: true }],
];

/** OpenAI's own names, sent to whoever: a name with a vendor in front goes through a gateway that knows `system` only. */
const behindGateway: Difference = { systemRole: 'system' };

/**
 * What is known about a model by its name, tolerant of vendor prefixes (`openai/gpt-5`), versions and tags; then what
 * the configuration says, which always wins. Of an unknown model the usual is assumed.
 */
export function capabilitiesOf(model: string, overrides: Difference = {}): ModelCapabilities {
  const name = model.toLowerCase();
  const bare = name.slice(name.lastIndexOf('/') + 1);
  const difference = table.find(([pattern]) => pattern.test(bare))?.[1] ?? {};
  return { ...usual, ...difference, ...(bare === name ? {} : behindGateway), ...overrides };
}
