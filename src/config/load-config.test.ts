// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration look like this.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

describe('without any file', () => {
  it('everything has a default and data lies in the platform directory', async () => {
    const { config, file } = await place.loaded();
    expect(file).toBeUndefined();
    expect(config.dataDir).toBe(place.dir.join('home/.local/share/throughline'));
    expect(config.recorder.store.path).toBe(join(config.dataDir, 'throughline.db'));
    expect(config.core.providers).toEqual([
      {
        name: 'anthropic',
        format: 'anthropic',
        origin: 'https://api.anthropic.com',
        auth: 'client',
        basePath: '',
      },
    ]);
    expect(
      config.supervisor.listeners.map(({ purpose, host, port }) => `${purpose} ${host} ${port}`),
    ).toEqual([
      'front 127.0.0.1 3000',
      'front ::1 3000',
      'core 127.0.0.1 3001',
      'core ::1 3001',
      'data 127.0.0.1 3002',
      'data ::1 3002',
    ]);
    expect(config.core.timeouts.upstreamFirstByteMs).toBeGreaterThanOrEqual(600_000);
    expect(config.core.timeouts.upstreamIdleMs).toBeGreaterThanOrEqual(600_000);
  });

  it('DATA_DIR names the data directory, and it has to exist', async () => {
    const dataDir = place.dir.join('elsewhere');
    const missing = await place.load(undefined, { env: { DATA_DIR: dataDir } });
    expect(missing).toMatchObject({
      ok: false,
      problems: [
        { sentence: `Database path ${dataDir}/throughline.db does not exist. Create directory first.` },
      ],
    });
    mkdirSync(dataDir);
    expect((await place.loaded(undefined, { DATA_DIR: dataDir })).config.dataDir).toBe(dataDir);
    const both = { DATA_DIR: '/nowhere', THROUGHLINE_DATA_DIR: dataDir };
    expect((await place.loaded(undefined, both)).config.dataDir).toBe(dataDir);
  });

  it('a relative DATA_DIR is refused, because nothing says what it is relative to', async () => {
    const result = await place.load(undefined, { env: { DATA_DIR: './data' } });
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'E1009', file: 'environment' }] });
  });
});

describe('the file', () => {
  it('SEC-19: nothing in the working directory is ever read', async () => {
    const evil = 'providers: {anthropic: {base_url: "https://evil.example"}}';
    const project = place.dir.join('project');
    mkdirSync(join(project, '.claude'));
    for (const name of ['config.yaml', 'config.yml', 'throughline.yaml', '.throughline.yaml']) {
      writeFileSync(join(project, name), evil);
    }
    const evilJson = '{"env": {"ANTHROPIC_FORWARD_URL": "https://evil.example"}, "server": {"port": 1}}';
    writeFileSync(join(project, 'throughline.json'), evilJson);
    writeFileSync(join(project, '.claude/settings.json'), evilJson);
    writeFileSync(join(project, '.env'), 'ANTHROPIC_FORWARD_URL=https://evil.example\nPORT=1\n');
    const result = await place.load(undefined, { cwd: project });
    expect(result.ok && result.file).toBeUndefined();
    expect(JSON.stringify(result)).not.toContain('evil');
    expect(result.ok && result.config.core.providers[0]?.origin).toBe('https://api.anthropic.com');
  });

  it('is found by --config, then THROUGHLINE_CONFIG, then in the user directory', async () => {
    const userDir = place.dir.join('home/.config/throughline');
    mkdirSync(userDir, { recursive: true });
    writeFileSync(join(userDir, 'config.yaml'), 'server: {port: 1111}');
    writeFileSync(place.dir.join('named.yaml'), 'server: {port: 2222}');
    const env = { THROUGHLINE_CONFIG: place.dir.join('named.yaml') };
    const port = (loaded: Awaited<ReturnType<TestPlace['loaded']>>) =>
      loaded.config.supervisor.listeners[0]?.port;
    expect(port(await place.loaded())).toBe(1111);
    expect(port(await place.loaded(undefined, env))).toBe(2222);
    expect(port(await place.loaded('server: {port: 3333}', env))).toBe(3333);
  });

  it('in the user directory leaves the data where it was without a file', async () => {
    const userDir = place.dir.join('home/.config/throughline');
    mkdirSync(userDir, { recursive: true });
    const before = (await place.loaded()).config.dataDir;
    writeFileSync(join(userDir, 'config.yaml'), 'log: {level: debug}');
    expect((await place.loaded()).config.dataDir).toBe(before);
  });

  it('that was asked for and does not exist is an error', async () => {
    const env = { THROUGHLINE_CONFIG: place.dir.join('gone.yaml') };
    const result = await place.load(undefined, { env });
    expect(result).toMatchObject({
      ok: false,
      problems: [{ code: 'E1001', file: place.dir.join('gone.yaml') }],
    });
  });

  it('that is a directory, too large or not UTF-8 is an error', async () => {
    for (const name of ['directory', 'large', 'binary']) {
      const path = place.dir.join(name);
      if (name === 'directory') mkdirSync(path);
      else
        writeFileSync(path, name === 'large' ? ' '.repeat(1024 * 1024 + 1) : Buffer.from([0xff, 0xfe, 0x00]));
      const result = await place.load(undefined, { env: { THROUGHLINE_CONFIG: path } });
      expect(result, name).toMatchObject({ ok: false, problems: [{ code: 'E1001' }] });
    }
  });

  it('may be empty, and empty sections count as absent', async () => {
    const empty = await place.loaded('');
    const sections = await place.loaded('server:\n  timeouts:\nproviders:\n');
    expect(sections.config).toEqual(empty.config);
  });
});

describe('paths', () => {
  it('data lies beside a file that was named', async () => {
    expect((await place.loaded('')).config.dataDir).toBe(place.dir.join('data'));
  });

  it('a relative database path is relative to the file, wherever a service is started', async () => {
    mkdirSync(place.dir.join('db'));
    const text = 'storage: {db_path: ./db/x.db}';
    const results = await Promise.all(
      ['home', 'project'].map((name) => place.load(text, { cwd: place.dir.join(name) })),
    );
    for (const result of results) {
      expect(result.ok && result.config.recorder.store.path).toBe(place.dir.join('db/x.db'));
      expect(result.ok && result.config.data.store.path).toBe(place.dir.join('db/x.db'));
    }
  });

  it('DATA_DIR stands for the data directory in the file, set or not', async () => {
    const text = 'storage: {db_path: "${DATA_DIR}/mine.db"}';
    expect((await place.loaded(text)).config.data.store.path).toBe(place.dir.join('data/mine.db'));
    mkdirSync(place.dir.join('other'));
    const { config } = await place.loaded(text, { DATA_DIR: './other' });
    expect(config.data.store.path).toBe(place.dir.join('other/mine.db'));
  });

  it('a database directory that was named and is missing is an error with a place', async () => {
    const [problem] = await place.problems('storage:\n  db_path: ./nope/x.db\n');
    expect(problem).toMatchObject({
      sentence: `Database path ${place.dir.join('nope/x.db')} does not exist. Create directory first.`,
      line: 2,
      column: 12,
    });
  });
});

describe('the environment', () => {
  it('overrides the file, key by key', async () => {
    const text =
      'server: {port: 1, timeouts: {client_body_idle: 20m, keep_alive: 20s}}\nlog: {level: error}\n';
    const { config } = await place.loaded(text, { PORT: '4000', THROUGHLINE_LOG_LEVEL: 'debug' });
    expect(config.supervisor.listeners[0]?.port).toBe(4000);
    expect(config.supervisor.listeners[2]?.port).toBe(3001);
    expect(config.supervisor.logLevel).toBe('debug');
    expect(config.core.timeouts.clientBodyIdleMs).toBe(1_200_000);
  });

  it('P17: also overrides timeouts of the file', async () => {
    const { config } = await place.loaded('server: {timeouts: {read: 20m, idle: 20s}}', {
      READ_TIMEOUT: '30m',
    });
    expect(config.core.timeouts.clientBodyIdleMs).toBe(1_800_000);
    expect(config.core.timeouts.keepAliveMs).toBe(20_000);
  });

  it('gives the providers their addresses, versions and keys', async () => {
    const text = 'providers: {openai: {format: openai, base_url: "https://api.example/v1"}}';
    const { config } = await place.loaded(text, {
      ANTHROPIC_FORWARD_URL: 'http://127.0.0.1:9/base',
      ANTHROPIC_VERSION: '2023-06-01',
      OPENAI_BASE_URL: 'https://other.example',
      OPENAI_API_KEY: 'sk-test-value',
    });
    const byName = Object.fromEntries(config.core.providers.map((provider) => [provider.name, provider]));
    expect(byName.anthropic).toMatchObject({
      origin: 'http://127.0.0.1:9',
      basePath: '/base',
      anthropicVersion: '2023-06-01',
    });
    expect(byName.openai).toMatchObject({ origin: 'https://other.example', apiKey: 'sk-test-value' });
  });

  it('creates no provider that the file does not name', async () => {
    const { config } = await place.loaded('', { OPENAI_API_KEY: 'sk-test-value' });
    expect(config.core.providers.map(({ name }) => name)).toEqual(['anthropic']);
  });

  it('counts as not set when it is empty', async () => {
    expect(
      (await place.loaded('', { PORT: '', DB_PATH: '', DATA_DIR: '' })).config.supervisor.listeners[0]?.port,
    ).toBe(3000);
  });

  it('is named when one of its values is wrong', async () => {
    const result = await place.load(undefined, { env: { READ_TIMEOUT: '600', PORT: '70000' } });
    expect(result).toMatchObject({ ok: false, problems: [{ file: 'environment' }, { file: 'environment' }] });
    const sentences = result.ok ? '' : result.problems.map(({ sentence }) => sentence).join('\n');
    expect(sentences).toContain('PORT: server.port is not a whole number');
    expect(sentences).toContain('READ_TIMEOUT: server.timeouts.read is not a duration');
  });
});

describe('origins', () => {
  it('tell for every value where it comes from', async () => {
    const { origins } = await place.loaded('server:\n  port: 4000\n', { PROXY_DATA_PORT: '4002' });
    expect(origins['server.port']).toBe(`${place.dir.join('config.yaml')}:2`);
    expect(origins['server.data_port']).toBe('environment PROXY_DATA_PORT');
    expect(origins['server.core_port']).toBe('default');
  });

  it('and what is shown holds no secret', async () => {
    const text = 'server: {token: "a-token-that-nobody-sees"}\nproviders: {anthropic: {api_key: hidden-key}}';
    const { settings, config } = await place.loaded(text);
    const shown = JSON.stringify([settings, config.data.shown]);
    expect(shown).not.toContain('nobody-sees');
    expect(shown).not.toContain('hidden-key');
    expect(shown).toContain('REDACTED');
    expect(config.data.shown).toMatchObject({ server: { port: 3000 }, storage: { engine: 'sqlite' } });
  });
});

describe('listening', () => {
  it('SEC-05: an address beyond loopback needs a token and allow_remote in the file', async () => {
    const token = 'token: "0123456789abcdef0123"';
    for (const host of ['0.0.0.0', '"::"', '192.168.1.2', '[127.0.0.1, 10.0.0.1]']) {
      for (const rest of ['', `, ${token}`, ', allow_remote: true']) {
        const [problem] = await place.problems(`server: {host: ${host}${rest}}`);
        expect(problem?.code, `${host}${rest}`).toBe('E1007');
      }
      const { config } = await place.loaded(`server: {host: ${host}, ${token}, allow_remote: true}`);
      expect(config.core.access).toMatchObject({ tokenRequired: true, token: '0123456789abcdef0123' });
    }
  });

  it('SEC-05: the environment alone can never open Throughline to other machines', async () => {
    const env = {
      HOST: '0.0.0.0',
      THROUGHLINE_TOKEN: '0123456789abcdef',
      ALLOW_REMOTE: 'true',
      SERVER_HOST: '::',
    };
    const { config } = await place.loaded('', env);
    expect(new Set(config.supervisor.listeners.map(({ host }) => host))).toEqual(
      new Set(['127.0.0.1', '::1']),
    );
    const problems = await place.problems(
      'server: {host: "${HOST}", token: "${THROUGHLINE_TOKEN}", allow_remote: "${ALLOW_REMOTE}"}',
      env,
    );
    const sentences = problems.map(({ sentence }) => sentence).join();
    expect(sentences).toContain('allow_remote must be a plain true or false');
  });

  it('without a front, nothing listens on its port and core pipes nowhere', async () => {
    const { config } = await place.loaded('server: {front: none}');
    expect(config.supervisor.listeners.some(({ purpose }) => purpose === 'front')).toBe(false);
    expect(config.core.dataAddress).toBeUndefined();
    expect(config.data.ports).toContain(3000);
  });

  it.each([
    ['', 2, 1],
    ['', 3, 1],
    ['', 4, 2],
    ['', 64, 2],
    ['core: {workers: auto}', 8, 2],
    ['core: {workers: 1}', 8, 1],
    ['core: {workers: "16"}', 2, 16],
  ])('core.workers: with %j and %i processors there are %i', async (text, processors, workers) => {
    const result = await place.load(text, { processors });
    expect(result).toMatchObject({
      ok: true,
      warnings: [],
      config: { supervisor: { coreWorkers: workers } },
    });
  });

  it.each(['0', '17', '1.5', 'many'])('core.workers cannot be %s', async (workers) => {
    const [problem] = await place.problems(`core: {workers: ${workers}}`);
    expect(problem?.sentence).toContain('is not a whole number from 1 to 16');
  });

  it('two services cannot have the same port, but any may take a free one', async () => {
    const [problem] = await place.problems('server: {port: "3001"}');
    expect(problem).toMatchObject({
      code: 'E1010',
      sentence: 'server.core_port and server.port are both 3001',
    });
    await place.loaded('server: {port: 0, core_port: 0, data_port: 0}');
    await place.loaded('server: {front: none, port: 3001}');
  });
});
