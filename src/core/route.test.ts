import { describe, expect, it } from 'vitest';
import { peek } from './peek.ts';
import { isRoute, route } from './route.ts';

const provider = { name: 'main', format: 'anthropic', origin: 'https://api.example', basePath: '' } as const;

describe('route', () => {
  it('takes the default provider and says why', () => {
    const decision = route(peek(['Host', 'h']), { providers: [provider], defaultProvider: 'main' });
    expect(isRoute(decision) && decision.provider).toBe(provider);
    expect(isRoute(decision) && decision.reason).toMatch(/default provider/);
  });

  it('names the subagent it looked at', () => {
    const peeked = peek(['X-Claude-Code-Agent-Id', 'a0123']);
    const decision = route(peeked, { providers: [provider], defaultProvider: 'main' });
    expect(isRoute(decision) && decision.reason).toContain('a0123');
  });

  it('is a problem when the default provider does not exist', () => {
    expect(route({}, { providers: [provider], defaultProvider: 'other' })).toMatchObject({
      code: 'no-provider',
    });
  });
});
