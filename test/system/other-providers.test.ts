import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askOnce,
  type FakeProvider,
  ownCli,
  readBack,
  readBody,
  seededRandom,
  startFakeProvider,
  startNode,
  startThroughline,
  type Throughline,
} from '#test-support';
import { filesBelow } from './hostile-client.ts';

// One client, with the login it has at its own provider, over every kind of route.
let own: FakeProvider;
/** Providers that the login is not meant for. */
let sister: FakeProvider;
let chat: FakeProvider;
let open: FakeProvider;
let throughline: Throughline;
const random = seededRandom(11);
const secrets = {
  oauth: `sk-ant-oat01-${random.hex(40)}`,
  key: `sk-ant-api03-${random.hex(40)}`,
  cookie: random.hex(40),
  query: random.hex(40),
  trailer: random.hex(40),
};

const kinds = {
  own: { model: 'claude-own', path: '/v1/messages' },
  patched: { model: 'claude-patched', path: '/v1/messages' },
  unchanged: { model: 'claude-unchanged', path: '/v1/messages' },
  keyless: { model: 'claude-open', path: '/v1/messages' },
  translated: { model: 'claude-translated', path: '/v1/messages' },
  estimated: { model: 'claude-translated', path: '/v1/messages/count_tokens' },
  openai: { model: 'gpt-any', path: '/v1/chat/completions' },
} as const;
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

beforeAll(async () => {
  [own, sister, chat, open] = await Promise.all([
    startFakeProvider({ seed: 1 }),
    startFakeProvider({ seed: 2 }),
    startFakeProvider({ seed: 3 }),
    startFakeProvider({ seed: 4 }),
  ]);
  throughline = await startThroughline({
    providerOrigin: own.origin,
    config: {
      log: { level: 'debug' },
      providers: {
        sister: { format: 'anthropic', base_url: sister.origin, api_key: 'key-of-sister' },
        chat: { format: 'openai', base_url: `${chat.origin}/v1`, api_key: 'key-of-chat' },
        open: { format: 'anthropic', base_url: open.origin, auth: 'none' },
      },
      routes: [
        { when: { model: 'claude-patched' }, to: 'sister:other-model' },
        { when: { model: 'claude-unchanged' }, to: 'sister' },
        { when: { model: 'claude-open' }, to: 'open' },
        { name: 'abroad', when: { model: 'claude-translated' }, to: 'chat:gpt-other', because: 'a test' },
      ],
    },
  });
  for (const name of names) await ask(name);
  await askWithTrailers();
  await readBack(throughline, names.length + 1);
});
afterAll(async () => {
  await throughline?.stop();
  await Promise.all([own, sister, chat, open].map((provider) => provider?.close()));
});

const login: (readonly [string, string])[] = [
  ['Authorization', `Bearer ${secrets.oauth}`],
  ['X-Api-Key', secrets.key],
  ['Cookie', `session=${secrets.cookie}`],
  ['anthropic-beta', 'oauth-2025-04-20,context-1m-2025-08-07'],
  ['Content-Type', 'application/json'],
];

function bodyOf(name: Kind): string {
  const content =
    'Say how many windows the lighthouse has, counted from the sea, and do not forget the small ones.';
  return JSON.stringify({
    model: kinds[name].model,
    max_tokens: 50,
    top_k: 4,
    messages: [{ role: 'user', content }],
  });
}

async function ask(name: Kind): Promise<void> {
  const target = `${kinds[name].path}?beta=true&api_key=${secrets.query}&access_token=${secrets.query}`;
  const answer = await askOnce(throughline.frontUrl, {
    method: 'POST',
    target,
    headers: login,
    body: bodyOf(name),
  });
  expect([name, answer.status]).toEqual([name, 200]);
}

async function askWithTrailers(): Promise<void> {
  const body = bodyOf('unchanged');
  const answer = await askOnce(throughline.frontUrl, {
    method: 'POST',
    target: kinds.unchanged.path,
    headers: [...login, ['Transfer-Encoding', 'chunked'], ['Trailer', 'X-Auth-Token']],
    body: `${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Auth-Token: ${secrets.trailer}\r\n\r\n`,
  });
  expect(answer.status).toBe(200);
}

interface Detail {
  readonly requestId: string;
  readonly [field: string]: unknown;
}

async function recordOf(name: Kind): Promise<Detail> {
  const { model, path } = kinds[name];
  const rows = await readBack(throughline, names.length);
  const row = rows.find((one) => one.model === model && one.endpoint === path)!;
  const answer = await fetch(`${throughline.frontUrl}/api/v2/requests/${row.requestId}`);
  return (await answer.json()) as Detail;
}

async function run(...parameters: string[]): Promise<string> {
  const program = startNode(ownCli, [...parameters, '--config', throughline.home.configFile], {
    env: throughline.home.env,
    input: '',
  });
  const { code } = await program.exited;
  expect(`${code} ${program.stderr()}`).toBe('0 ');
  return program.stdout();
}

const everything = (provider: FakeProvider): string =>
  provider.requests
    .map(({ rawHead, body, trailers }) => `${rawHead.toString('latin1')}${body}${JSON.stringify(trailers)}`)
    .join('\n');

describe('a login of the client', () => {
  it('reaches the provider that it is meant for', () => {
    for (const secret of [secrets.oauth, secrets.key, secrets.cookie, secrets.query]) {
      expect(everything(own)).toContain(secret);
    }
  });

  it('reaches no other provider, in no header, no body, no query and no trailer', () => {
    expect([sister, chat, open].map(({ requests }) => requests.length)).toEqual([3, 2, 1]);
    const received = [sister, chat, open].map(everything).join('\n');
    for (const secret of Object.values(secrets)) expect(received).not.toContain(secret);
    expect(received).not.toContain('oauth');
    // What is no secret still goes where it means something.
    expect(everything(sister)).toContain('context-1m-2025-08-07');
    expect(everything(sister)).toContain('?beta=true');
  });

  it('stands nowhere on the disk, and nor do the keys of providers', () => {
    const files = filesBelow(throughline.dataDir);
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const bytes = readFileSync(file);
      for (const secret of [...Object.values(secrets), 'key-of-sister', 'key-of-chat']) {
        // The last four characters are part of a fingerprint.
        expect([file, bytes.includes(secret.slice(0, -4))]).toEqual([file, false]);
      }
    }
  });
});

describe('the record of a routed request', () => {
  it('has the three models, the provider, the reason, what was dropped and the attempt', async () => {
    expect(await recordOf('translated')).toMatchObject({
      model: 'claude-translated',
      routedModel: 'gpt-other',
      answeredModel: 'gpt-other',
      provider: 'chat',
      format: 'openai',
      routeReason: expect.stringMatching(/abroad.*a test/),
      dropped: [expect.stringContaining('top_k')],
      attempts: [
        {
          attempt: 1,
          provider: 'chat',
          origin: chat.origin,
          result: 'answered',
          status: 200,
          endedUs: expect.any(Number),
        },
      ],
      providerRequest: { bytesMissing: 0, isProven: true },
      providerResponse: { bytesMissing: 0, isProven: true },
      bytesMissing: { request: 0, response: 0 },
    });
  });

  it('has what the provider was sent and what it answered, byte for byte', async () => {
    const { requestId } = await recordOf('translated');
    const sent = await readBody(throughline, requestId, 'provider-request');
    expect(sent).toEqual(chat.requests.find(({ body }) => body.includes('gpt-other'))!.body);
    const answered = await readBody(throughline, requestId, 'provider-response');
    expect(JSON.parse(answered.toString())).toMatchObject({ object: 'chat.completion' });
    expect(JSON.parse((await readBody(throughline, requestId, 'request')).toString()).model).toBe(
      'claude-translated',
    );
    expect(JSON.parse((await readBody(throughline, requestId, 'response')).toString()).type).toBe('message');
    expect(await run('show', requestId, '--body', 'provider-request')).toBe(sent.toString());
    expect(await run('show', requestId, '--body', 'provider-response')).toBe(answered.toString());
  });

  it('has the changed body where only the model is another one, and no second answer', async () => {
    const { requestId, ...patched } = await recordOf('patched');
    expect(patched).toMatchObject({ routedModel: 'other-model', providerRequest: { isProven: true } });
    const sent = await readBody(throughline, requestId, 'provider-request');
    expect(sent.toString()).toBe(bodyOf('patched').replace('claude-patched', 'other-model'));
    const answer = await fetch(
      `${throughline.frontUrl}/api/v2/requests/${requestId}/body?side=provider-response`,
    );
    expect([answer.status, await answer.text()]).toEqual([
      404,
      expect.stringContaining('nothing was said in other words'),
    ]);
  });

  it('has no second bodies where everything went through as it came', async () => {
    for (const name of ['own', 'unchanged', 'keyless', 'openai', 'estimated'] as const) {
      const record = await recordOf(name);
      expect([name, record.providerRequest, record.providerResponse]).toEqual([name, undefined, undefined]);
    }
  });

  it('is shown on the command line', async () => {
    const shown = await run('show', (await recordOf('translated')).requestId);
    expect(shown).toMatch(
      /asked model +claude-translated\nsent model +gpt-other\nanswered by +gpt-other\nprovider +chat, openai\n/,
    );
    expect(shown).toMatch(/route +.*a test/);
    expect(shown).toMatch(/attempt +1: chat.* answered 200, .* ms to .* ms/);
    expect(shown).toMatch(/dropped +.*top_k/);
    expect(shown).toContain('--body request|response|provider-request|provider-response');
    expect(await run('show', (await recordOf('estimated')).requestId)).toMatch(
      /estimate +tokens were estimated/,
    );
  });

  it('is whole, says "db verify"', async () => {
    expect(await run('db', 'verify')).toContain(`${2 * (names.length + 1) + 3} bodies`);
  });
});
