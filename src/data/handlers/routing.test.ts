import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, runServer } from '../testing/running-server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await runServer({
    shown: {
      providers: {
        openai: {
          format: 'openai',
          base_url: 'https://api.openai.com',
          api_key: '***REDACTED***',
          max_retries: 2,
          fallback: ['anthropic:claude-x', 'anthropic'],
        },
        anthropic: {
          format: 'anthropic',
          base_url: 'https://api.anthropic.com',
          fallback_provider: 'openai',
          circuit_breaker: { enabled: true, max_failures: 5, timeout: '30s' },
        },
      },
      subagents: { enable: true, mappings: { reviewer: 'openai:gpt-5' } },
    },
    routing: {
      defaultProvider: 'anthropic',
      providers: [
        { name: 'openai', format: 'openai' },
        { name: 'anthropic', format: 'anthropic' },
      ],
      routes: [
        {
          name: 'rule 1',
          when: { agent: ['reviewer'] },
          to: { provider: 'openai', model: 'gpt-5' },
          fallback: [{ provider: 'anthropic' }],
        },
      ],
    },
  });
});
afterAll(() => server[Symbol.asyncDispose]());

describe('/api/v2/routing', () => {
  it('shows what decides, without keys', async () => {
    const config = await server.json('/api/v2/routing/config');
    expect(JSON.stringify(config)).not.toContain('api_key');
    expect(config).toMatchObject({
      providers: {
        anthropic: {
          base_url: 'https://api.anthropic.com',
          circuit_breaker: { enabled: true, max_failures: 5, timeout: '30s' },
          fallback_provider: 'openai',
          format: 'anthropic',
          max_retries: 0,
        },
        openai: { fallback_provider: '', fallback: ['anthropic:claude-x', 'anthropic'], max_retries: 2 },
      },
      subagents: { enable: true, mappings: { reviewer: 'openai:gpt-5' } },
      routes: [
        {
          name: 'rule 1',
          when: { agent: ['reviewer'] },
          to: { provider: 'openai', model: 'gpt-5' },
          fallback: [{ provider: 'anthropic' }],
        },
      ],
    });
  });

  it('lists the providers by name', async () => {
    expect(await server.json('/api/v2/routing/providers')).toEqual([
      { name: 'anthropic', format: 'anthropic', healthy: true, fallback_provider: 'openai' },
      { name: 'openai', format: 'openai', healthy: true, fallback: ['anthropic:claude-x', 'anthropic'] },
    ]);
  });

  it('says where a request would go and why', async () => {
    expect(await server.json('/api/v2/routing/explain?agent=reviewer&model=claude-x')).toEqual({
      provider: 'openai',
      format: 'openai',
      model: 'gpt-5',
      reason: 'rule 1',
    });
    expect((await server.get('/api/v2/routing/explain?thinking=perhaps')).status).toBe(400);
  });
});
