import { describe, expect, it } from 'vitest';
import { estimateTokens } from './index.ts';

const estimate = (request: object) => estimateTokens(Buffer.from(JSON.stringify(request)));
const prose = 'The keeper climbs the stairs at dusk and lights the lamp before the ships come in. ';

describe('the estimate of the tokens of a request', () => {
  it('is near to what tokenizers count for prose', () => {
    // About 18 tokens a sentence with the tokenizers in use.
    const tokens = estimate({ messages: [{ role: 'user', content: prose.repeat(100) }] });
    expect(tokens).toBeGreaterThan(1_300);
    expect(tokens).toBeLessThan(2_700);
  });

  it('counts the system prompt and the tools, which are most of what an agent sends', () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    const alone = estimate({ messages });
    const system = estimate({ messages, system: [{ type: 'text', text: prose.repeat(10) }] });
    const tools = estimate({
      messages,
      tools: [
        { name: 'look', description: prose.repeat(10), input_schema: { type: 'object', properties: {} } },
      ],
    });
    expect(system - alone).toBeGreaterThan(150);
    expect(tools - alone).toBeGreaterThan(150);
  });

  it('counts an image as an image, not by the length of its base64', () => {
    const image = (bytes: number) => ({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(bytes) } },
          ],
        },
      ],
    });
    expect(estimate(image(1_000_000))).toBe(estimate(image(1000)));
    expect(estimate(image(1000))).toBeGreaterThan(1000);
  });

  it('counts a document by its pages', () => {
    const document = (bytes: number) => ({
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(bytes) },
            },
          ],
        },
      ],
    });
    expect(estimate(document(4_000_000))).toBeGreaterThan(estimate(document(40_000)) * 10);
    expect(estimate(document(4_000_000))).toBeLessThan(1_000_000);
  });

  it('is a whole number of at least one, also for what is no request', () => {
    for (const body of ['', '{}', '[]', 'null', '{"messages":7}', 'a'.repeat(100)]) {
      expect(estimateTokens(Buffer.from(body))).toBeGreaterThanOrEqual(1);
      expect(Number.isSafeInteger(estimateTokens(Buffer.from(body)))).toBe(true);
    }
  });
});
