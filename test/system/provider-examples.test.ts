import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '#config';
import type { CoreProvider } from '#core-config';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  makeTempDir,
  projectDirectory,
  startCoreAlone,
  startFakeProvider,
} from '#test-support';

// Each entry of `providers` in config.example.yaml, with nothing changed but the host, which is a fake one here.

/** Where a message of Claude Code arrives, and what is read there. */
interface Arrival {
  readonly path: string;
  /** Undefined = it gets no credential at all. */
  readonly key: readonly [header: string, value: string] | undefined;
}

const arrivals: Readonly<Record<string, Arrival>> = {
  openai: { path: '/v1/chat/completions', key: ['authorization', 'Bearer key-of-openai'] },
  gemini: { path: '/v1beta/openai/chat/completions', key: ['authorization', 'Bearer key-of-gemini'] },
  openrouter: { path: '/api/v1/chat/completions', key: ['authorization', 'Bearer key-of-openrouter'] },
  azure: { path: '/openai/v1/chat/completions?api-version=preview', key: ['api-key', 'key-of-azure'] },
  'azure-deployment': {
    path: '/openai/deployments/DEPLOYMENT/chat/completions?api-version=2024-10-21',
    key: ['api-key', 'key-of-azure'],
  },
  deepseek: { path: '/v1/chat/completions', key: ['authorization', 'Bearer key-of-deepseek'] },
  zai: { path: '/api/paas/v4/chat/completions', key: ['authorization', 'Bearer key-of-zai'] },
  'zai-anthropic': { path: '/api/anthropic/v1/messages?beta=true', key: ['x-api-key', 'key-of-zai'] },
  lmstudio: { path: '/v1/chat/completions', key: undefined },
  ollama: { path: '/v1/chat/completions', key: undefined },
  vllm: { path: '/v1/chat/completions', key: undefined },
};

const env = {
  OPENAI_API_KEY: 'key-of-openai',
  OPENROUTER_API_KEY: 'key-of-openrouter',
  AZURE_OPENAI_API_KEY: 'key-of-azure',
  DEEPSEEK_API_KEY: 'key-of-deepseek',
  ZAI_API_KEY: 'key-of-zai',
};

let fake: FakeProvider;
let core: CoreAlone;
let examples: readonly CoreProvider[];

beforeAll(async () => {
  examples = (await loadExamples()).filter(({ name }) => name !== 'anthropic');
  fake = await startFakeProvider({ keepRawBytes: true });
  // Their own hosts, proxies and authorities are elsewhere.
  const here = examples.map(({ proxy: _proxy, ca: _ca, ...provider }) => ({
    ...provider,
    origin: fake.origin,
  }));
  core = await startCoreAlone({
    providerOrigin: fake.origin,
    config: {
      providers: here,
      defaultProvider: 'openai',
      routes: here.map(({ name }) => ({ name, when: { tag: [name] }, to: { provider: name, model: 'm' } })),
    },
  });
});
afterAll(async () => {
  await core?.stop();
  await fake?.close();
});

async function loadExamples(): Promise<readonly CoreProvider[]> {
  const place = makeTempDir('example');
  try {
    const text = readFileSync(join(projectDirectory, 'config.example.yaml'), 'utf8');
    writeFileSync(place.join('config.yaml'), text.replace(/^( *)#(?=\S)/gm, '$1'));
    writeFileSync(place.join('ca.pem'), '-----BEGIN CERTIFICATE-----');
    writeFileSync(place.join('gemini.key'), 'key-of-gemini\n', { mode: 0o600 });
    writeFileSync(place.join('second.key'), 'key-of-openrouter\n', { mode: 0o600 });
    const loaded = await loadConfig({
      configPath: place.join('config.yaml'),
      env: { ...env, DATA_DIR: place.path },
      homeDir: place.path,
      platform: 'linux',
      cwd: place.path,
      processors: 1,
    });
    if (!loaded.ok) throw new Error(loaded.problems.map(({ sentence }) => sentence).join('\n'));
    return loaded.config.core.providers;
  } finally {
    place.remove();
  }
}

describe('the providers of config.example.yaml', () => {
  it('are all looked at here', () => {
    expect(examples.map(({ name }) => name).sort()).toEqual(Object.keys(arrivals).sort());
  });

  it.each(Object.entries(arrivals))(
    'P4: %s gets a message of Claude Code at its own path, with its own key',
    async (name, { path, key }) => {
      fake.forget();
      const answer = await askOnce(core.url, {
        method: 'POST',
        target: `/p/${name}/v1/messages?beta=true`,
        headers: [
          ['authorization', 'Bearer sk-ant-oat01-planted'],
          ['x-api-key', 'sk-ant-api03-planted'],
          ['api-key', 'planted'],
          ['anthropic-version', '2023-06-01'],
        ],
        body: '{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
      });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ type: 'message', role: 'assistant' });
      const request = fake.requests[0]!;
      expect(request.target).toBe(path);
      const credentials = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'].flatMap((header) => {
        const value = request.header(header);
        return value === undefined ? [] : [[header, value]];
      });
      expect(credentials).toEqual(key === undefined ? [] : [key]);
      expect(request.rawHead.toString('latin1')).not.toContain('planted');
      expect(JSON.parse(request.body.toString())).toMatchObject({ model: 'm' });
    },
  );
});
