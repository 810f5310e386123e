/**
 * Clients shorten their conversation, or ask for a shorter answer, when they read one of two sentences of Anthropic's;
 * any other wording they show to their user and give up. This says a provider's sentence about its context in those.
 * @returns undefined when the message is about something else
 */
export function contextSentence(message: string, kinds: readonly string[]): string | undefined {
  const isAboutContext =
    kinds.some((kind) => /context_length_exceeded|context_window/.test(kind)) || aboutContext.test(message);
  if (!isAboutContext) return undefined;
  const max = numberIn(message, maximum);
  const parts = completionParts(message);
  if (max !== undefined && parts !== undefined && parts.prompt < max) {
    const { prompt, completion } = parts;
    return (
      `input length and \`max_tokens\` exceed context limit: ${prompt} + ${completion} > ${max}, ` +
      `decrease input length or \`max_tokens\` and try again. The provider says: ${message}`
    );
  }
  const used = parts?.prompt ?? numberIn(message, requested);
  const figures = max === undefined || used === undefined ? '' : `: ${used} tokens > ${max} maximum`;
  return `prompt is too long${figures}. The provider says: ${message}`;
}

const aboutContext =
  /maximum context length|context (?:length|window|size|limit)[^.]{0,40}exceed|exceed[^.]{0,60}context (?:length|window|size|limit)|(?:prompt|input)[^.]{0,40} too long|longer than the model's context|input token count[^.]{0,60}exceeds/i;

/** How many tokens fit. */
const maximum = [
  /maximum context length (?:is|of) (?:only )?([\d,]+)/i,
  /context (?:length|window|size|limit)\D{0,30}([\d,]+)/i,
  /maximum (?:number of tokens allowed|of)\D{0,10}([\d,]+)/i,
];

/** How many there were. */
const requested = [
  /resulted in ([\d,]+) tokens/i,
  /you requested (?:about )?([\d,]+) tokens/i,
  /(?:prompt|input)\D{0,40}?([\d,]+) ?tokens/i,
  /token count \(?([\d,]+)/i,
  /([\d,]+) (?:input )?tokens/i,
];

/** `… (8768 in the messages, 32192 in the completion)`, as OpenAI and vLLM say it. */
function completionParts(message: string): { prompt: number; completion: number } | undefined {
  const prompt = numberIn(message, [
    /([\d,]+) in (?:the )?(?:messages|prompt)/i,
    /([\d,]+) (?:of )?text input/i,
    /([\d,]+) (?:tokens )?from the input/i,
  ]);
  const completion = numberIn(message, [
    /([\d,]+) in (?:the )?(?:completion|output)/i,
    /([\d,]+) (?:tokens )?(?:for|in) the (?:completion|output)/i,
  ]);
  return prompt === undefined || completion === undefined ? undefined : { prompt, completion };
}

function numberIn(message: string, patterns: readonly RegExp[]): number | undefined {
  for (const pattern of patterns) {
    const digits = pattern.exec(message)?.[1]?.replaceAll(',', '');
    if (digits !== undefined && digits !== '' && digits.length < 12) return Number(digits);
  }
  return undefined;
}
