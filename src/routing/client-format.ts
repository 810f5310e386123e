const formats: Readonly<Record<string, 'anthropic' | 'openai'>> = {
  '/v1/messages': 'anthropic',
  '/v1/messages/count_tokens': 'anthropic',
  '/v1/chat/completions': 'openai',
  '/v1/responses': 'openai',
};

/**
 * How a request has to be said for a provider; undefined when it goes there as it is. The Responses API has no
 * translation: it is a conversation that the provider keeps.
 */
export function translationOf(
  method: string,
  path: string,
  providerFormat: 'anthropic' | 'openai',
): 'to-openai' | 'to-anthropic' | 'count-tokens' | undefined {
  const format = clientFormatOf(method, path);
  if (format === undefined || format === providerFormat) return undefined;
  if (format === 'anthropic') return path.endsWith('/count_tokens') ? 'count-tokens' : 'to-openai';
  return path === '/v1/chat/completions' ? 'to-anthropic' : undefined;
}

/** The format of a request that a model answers; undefined for everything else, which rules leave alone. */
export function clientFormatOf(method: string, path: string): 'anthropic' | 'openai' | undefined {
  return method === 'POST' && Object.hasOwn(formats, path) ? formats[path] : undefined;
}
