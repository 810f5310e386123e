import { anthropicToOpenAiRequest, capabilitiesOf, type RequestOptions } from '../index.ts';

export interface ChatMessage {
  readonly role: string;
  readonly content?: string | null | readonly { readonly [key: string]: unknown }[];
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
  readonly reasoning_content?: string;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly [key: string]: unknown } }[];
  readonly [key: string]: unknown;
}

/** Translates a request that has to be translatable; gives what the provider receives, parsed. */
export function translateRequest(request: object, options: Partial<RequestOptions> = {}) {
  const model = options.model ?? 'gpt-4o';
  const translated = anthropicToOpenAiRequest(Buffer.from(JSON.stringify(request)), {
    model,
    capabilities: capabilitiesOf(model),
    thinking: 'drop',
    ...options,
  });
  if (translated.kind === 'refused') throw new Error(translated.sentence);
  const text = Buffer.from(translated.body).toString();
  return { ...translated, text, chat: JSON.parse(text) as ChatRequest };
}
