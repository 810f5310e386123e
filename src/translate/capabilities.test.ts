import { describe, expect, it } from 'vitest';
import { capabilitiesOf, type ModelCapabilities } from './index.ts';

describe('what a model accepts', () => {
  it.each<[string, Partial<ModelCapabilities>]>([
    ['gpt-5', { maxTokensField: 'max_completion_tokens', temperature: false, reasoningEffort: 'openai' }],
    ['gpt-5.2-2026-01-15', { temperature: false, systemRole: 'developer' }],
    ['gpt-5-chat-latest', { temperature: true, reasoningEffort: 'none' }],
    ['o4-mini', { temperature: false, stop: false, maxOutputTokens: 100_000 }],
    ['o3', { reasoningEffort: 'openai', topP: false }],
    ['gpt-4o', { temperature: true, maxOutputTokens: 16_384, images: true }],
    ['gpt-4o-mini-2024-07-18', { maxTokensField: 'max_completion_tokens', strictTools: true }],
    ['gpt-4.1-nano', { maxOutputTokens: 32_768 }],
    ['gpt-3.5-turbo', { images: false }],
    ['gpt-oss:20b', { maxTokensField: 'max_tokens', temperature: true, reasoningEffort: 'openai' }],
    ['gemini-2.5-pro', { toolSchema: 'openapi', reasoningEffort: 'openai' }],
    ['deepseek-chat', { images: false, maxOutputTokens: 8192 }],
    ['glm-4.6', { toolChoice: 'auto', stopMax: 1, images: false }],
    ['glm-4.5v', { images: true, thinkingSwitch: true }],
    ['mistral-large-latest', { streamUsage: false, toolIds: 'nine', userAfterTool: false }],
    ['llama3.1:70b', { maxTokensField: 'max_tokens', images: false }],
    [
      'a-model-of-tomorrow',
      { maxTokensField: 'max_tokens', temperature: true, tools: true, streamUsage: true },
    ],
  ])('P5: is known of %s', (model, expected) => {
    expect(capabilitiesOf(model)).toMatchObject(expected);
  });

  it('P5: is not capped for models nobody knows a limit of', () => {
    expect(capabilitiesOf('a-model-of-tomorrow').maxOutputTokens).toBeUndefined();
  });

  it('P5: is found behind the name of a vendor and in any case', () => {
    expect(capabilitiesOf('OpenAI/GPT-5')).toEqual({ ...capabilitiesOf('gpt-5'), systemRole: 'system' });
    expect(capabilitiesOf('deepseek/deepseek-chat-v3:free').images).toBe(false);
  });

  it('P5: is what the configuration says, before anything else', () => {
    const capabilities = capabilitiesOf('gpt-5', { temperature: true, maxOutputTokens: 7 });
    expect(capabilities).toMatchObject({ temperature: true, maxOutputTokens: 7, topP: false });
  });
});
