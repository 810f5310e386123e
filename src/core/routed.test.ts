import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CoreProvider, RouteRule } from '#core-config';
import {
  askOnce,
  type CoreAlone,
  type FakeProvider,
  makeTempDir,
  openRaw,
  readExchanges,
  startCoreAlone,
  startFakeProvider,
  waitFor,
} from '#test-support';

const session = '11111111-2222-3333-4444-555555555555';
const claude = makeTempDir('claude');

const rules: readonly RouteRule[] = [
  { name: 'rule 1', when: { tag: ['other'] }, to: { provider: 'own' }, because: 'the tag says so' },
  { name: 'rule 2', when: { agent: ['reviewer'] }, to: { provider: 'own', model: 'big-"model"' } },
  {
    name: 'rule 3',
    when: { header: { 'x-team': ['red'] }, model: ['claude-small*'] },
    to: { provider: 'own' },
  },
  { name: 'rule 4', when: { header: { 'x-third': ['*'] } }, to: { provider: 'chat' } },
  { name: 'rule 5', when: { header: { 'x-open': ['*'] } }, to: { provider: 'open' } },
];

let main: FakeProvider;
let own: FakeProvider;
let chat: FakeProvider;
let open: FakeProvider;
let core: CoreAlone;

beforeAll(async () => {
  const start = () => startFakeProvider({ keepRawBytes: true });
  [main, own, chat, open] = await Promise.all([start(), start(), start(), start()]);
  const provider = (name: string, { origin }: FakeProvider, more: Partial<CoreProvider>): CoreProvider => ({
    name,
    format: 'anthropic',
    basePath: '',
    origin,
    ...more,
  });
  core = await startCoreAlone({
    providerOrigin: main.origin,
    config: {
      providers: [
        provider('anthropic', main, {}),
        provider('own', own, { apiKey: 'key-of-own', auth: 'key' }),
        provider('chat', chat, {
          format: 'openai',
          apiKey: 'key-of-chat',
          basePath: '/base',
          versionPath: '',
        }),
        provider('open', open, { auth: 'none' }),
      ],
      routes: rules,
      claudeDirs: [claude.path],
    },
  });
});
afterAll(async () => {
  await core.stop();
  await Promise.all([main, own, chat, open].map((provider) => provider.close()));
  claude.remove();
});
afterEach(() => {
  for (const provider of [main, own, chat, open]) provider.forget();
});

const body = '{"max_tokens":9, "model" : "claude-small-1","messages":[{"role":"user","content":"größe"}] }';
const ask = (headers: [string, string][] = [], more: { target?: string; body?: string } = {}) =>
  askOnce(core.url, { method: 'POST', target: '/v1/messages', headers, body, ...more });

describe('a route', () => {
  it('leaves a request that no rule claims to the default, byte for byte', async () => {
    await ask([['x-api-key', 'sk-of-the-client']]);
    expect(main.requests[0]!.body.toString()).toBe(body);
    expect(main.requests[0]!.header('x-api-key')).toBe('sk-of-the-client');
    expect(own.requests).toEqual([]);
    // What counts the bodies that were held to be looked at has counted none.
    const metrics = await askOnce(core.url, { target: '/metrics' });
    expect(metrics.body.toString()).toMatch(/^throughline_bodies_held_total 0$/m);
  });

  it('is chosen by the head alone when that is enough: the provider sees the beginning of a body that has no end yet', async () => {
    const client = await openRaw(core.url);
    client.send(
      `POST /p/other/v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nContent-Length: 100\r\n\r\n{"m`,
      'POST',
    );
    const request = await own.request(0);
    await waitFor(() => request.bodyBytes === 3, { what: 'three bytes at the provider' });
    client.socket.destroy();
  });

  it('is chosen by the asked model where a rule wants to know it, and the body goes on as it came', async () => {
    await ask([['X-Team', 'red']]);
    expect(own.requests[0]!.body.toString()).toBe(body);
    await ask([['X-Team', 'red']], { body: body.replace('small', 'large') });
    expect(main.requests[0]!.body.toString()).toBe(body.replace('small', 'large'));
  });

  it('waits for no more of a body than it has to see', async () => {
    const client = await openRaw(core.url);
    const begin = '{"model":"claude-small","tools":[],"thinking":{"type":"enabled"},"messages":["';
    client.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nx-team: red\r\nContent-Length: 5000\r\n\r\n${begin}`,
      'POST',
    );
    const request = await own.request(0);
    await waitFor(() => request.bodyBytes === begin.length, { what: 'the beginning of the body' });
    client.socket.destroy();
  });

  it('sees a body that comes byte by byte as it is', async () => {
    const text = `{"messages":["${'x'.repeat(5_000)}"],"model":"claude-small"}`;
    const client = await openRaw(core.url);
    const chunks = [...text].map((character) => `1\r\n${character}\r\n`).join('');
    client.send(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${core.port}\r\nx-team: red\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
      'POST',
    );
    const request = await own.request(0);
    await request.completed;
    expect(request.body.toString()).toBe(text);
    client.close();
  });

  it('looks at the first MiB of a body and no further', async () => {
    const late = `{"messages":["${'x'.repeat(1_100_000)}"],"model":"claude-small"}`;
    await ask([['x-team', 'red']], { body: late });
    expect(main.requests[0]!.body.toString()).toBe(late);
  });

  it('P13: goes by the name of a subagent, from the file beside its transcript, and changes nothing but the model', async () => {
    const directory = join(claude.path, 'projects', '-home-me-shop', session, 'subagents');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'agent-a1b2.meta.json'), '{"agentType":"reviewer","toolUseId":"t"}');
    await ask([
      ['x-claude-code-session-id', session],
      ['x-claude-code-agent-id', 'a1b2'],
    ]);
    const request = own.requests[0]!;
    expect(request.body.toString()).toBe(body.replace('"claude-small-1"', '"big-\\"model\\""'));
    expect(request.header('content-length')).toBe(String(request.body.length));
    const [exchange] = (await readExchanges(core.journalDirectory)).slice(-1);
    expect(exchange!.route).toMatchObject({
      provider: 'own',
      askedModel: 'claude-small-1',
      routedModel: 'big-"model"',
      agentName: 'reviewer',
      reason: 'rule 2',
    });
  });

  it('P13: goes by the definition of the agent where no file tells its name, however the prompt is cut into blocks', async () => {
    const prompt =
      'You look at what others wrote. Say what is wrong with it, file by file, and nothing else.';
    mkdirSync(join(claude.path, 'agents'), { recursive: true });
    writeFileSync(join(claude.path, 'agents', 'a.md'), `---\r\nname: reviewer\r\n---\r\n${prompt}\r\n`);
    const system = ['a mark', 'who it is', `${prompt}\n\nYou are in /home/me.`].map((text) => ({
      type: 'text',
      text,
    }));
    const asked = JSON.stringify({ ...JSON.parse(body), system });
    const routed = async (headers: [string, string][], sent = asked) => {
      await ask(headers, { body: sent });
      const count = own.requests.length;
      own.forget();
      return count > 0;
    };
    expect(
      await routed([
        ['x-claude-code-session-id', session],
        ['x-claude-code-agent-id', 'b7'],
      ]),
    ).toBe(true);
    // A release that knows no ids of agents; newer ones say so when it is not the main agent.
    expect(await routed([['User-Agent', 'claude-cli/2.0.14 (external, cli)']])).toBe(true);
    expect(await routed([['User-Agent', 'claude-cli/2.0.14 (external, cli)']], body)).toBe(false);
    expect(await routed([['User-Agent', 'claude-cli/2.1.330 (external, cli)']])).toBe(false);
  });

  it('leaves the safety checks of Claude Code where they are, also when their class is not said', async () => {
    const hasty: [string, string][] = [
      ['User-Agent', 'claude-cli/2.1.330 (external, cli)'],
      ['X-Stainless-Timeout', '60'],
      ['x-third', '1'],
    ];
    await ask(hasty);
    expect(main.requests[0]!.body.toString()).toBe(body);
    await ask([
      ['x-claude-code-request-class', 'auxiliary'],
      ['x-third', '1'],
    ]);
    expect(main.requests).toHaveLength(2);
    await ask(hasty.map(([name, value]) => [name, value === '60' ? '600' : value]));
    expect(chat.requests).toHaveLength(1);
  });

  it('goes by the name that the client says itself, and by the default when nothing tells it', async () => {
    await ask([
      ['x-claude-code-agent-id', 'a9'],
      ['x-claude-code-agent-type', 'reviewer'],
    ]);
    expect(own.requests).toHaveLength(1);
    await ask([
      ['x-claude-code-session-id', session],
      ['x-claude-code-agent-id', '../../a1b2'],
    ]);
    expect(main.requests).toHaveLength(1);
  });

  it('SEC-09: brings no credential of a client to a provider that it was not meant for', async () => {
    const planted = [
      ['Authorization', 'Bearer sk-ant-oat01-planted'],
      ['x-api-key', 'sk-ant-api03-planted'],
      ['Cookie', 'session=planted'],
      ['x-goog-api-key', 'planted'],
      ['api-key', 'planted'],
      ['x-my-own-secret', 'planted'],
    ] as [string, string][];
    await ask(planted, { target: '/p/other/v1/messages' });
    await ask([...planted, ['x-third', '1']]);
    await ask([...planted, ['x-third', '1']], { target: '/v1/chat/completions' });
    await ask([...planted, ['x-open', '1']]);
    await ask([...planted, ['x-claude-code-agent-type', 'reviewer']]);
    for (const [provider, count] of [
      [own, 2],
      [chat, 2],
      [open, 1],
    ] as const) {
      expect(provider.requests).toHaveLength(count);
      for (const { rawHead } of provider.requests) expect(rawHead.toString('latin1')).not.toMatch(/planted/);
    }
    expect(own.requests[0]!.header('x-api-key')).toBe('key-of-own');
    expect(chat.requests[0]!.header('authorization')).toBe('Bearer key-of-chat');
    expect(open.requests[0]!.header('authorization')).toBeUndefined();
  });

  it('P20: is counted by provider, whether it answered or not', async () => {
    const counted = async (name: string): Promise<number> => {
      const page = (await askOnce(core.url, { target: '/metrics' })).body.toString();
      return Number(
        new RegExp(`^throughline_${name}\\{provider="open"\\} (\\d+)$`, 'm').exec(page)?.[1] ?? 0,
      );
    };
    const before = [await counted('provider_answers_total'), await counted('provider_failures_total')];
    await ask([['x-open', '1']]);
    open.respondOnceWith({ raw: [], ending: 'reset' });
    await ask([['x-open', '1']]);
    const after = [await counted('provider_answers_total'), await counted('provider_failures_total')];
    expect(after).toEqual(before.map((count) => count + 1));
  });

  it('P4: brings chat completions untouched to the provider that understands them, below its base path', async () => {
    const completion = '{"model":"gpt-5", "messages":[{"role":"user","content":"hi"}]}';
    const answer = await ask([], { target: '/v1/chat/completions?x=1', body: completion });
    expect(chat.requests[0]!.target).toBe('/base/chat/completions?x=1');
    expect(chat.requests[0]!.body.toString()).toBe(completion);
    expect(JSON.parse(answer.body.toString()).object).toBe('chat.completion');
  });
});
