const formats: Readonly<Record<string, 'anthropic' | 'openai'>> = {
  '/v1/messages': 'anthropic',
  '/v1/messages/count_tokens': 'anthropic',
  '/v1/chat/completions': 'openai',
  '/v1/responses': 'openai',
};

/** The format of a request that a model answers; undefined for everything else, which rules leave alone. */
export function clientFormatOf(method: string, path: string): 'anthropic' | 'openai' | undefined {
  return method === 'POST' && Object.hasOwn(formats, path) ? formats[path] : undefined;
}
