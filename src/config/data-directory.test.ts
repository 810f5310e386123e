import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDataDir } from './data-directory.ts';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('the data directory', () => {
  it('SEC-06: is made for its owner alone, with a token and a key', async () => {
    const { config } = await place.loaded();
    const result = await ensureDataDir(config);
    const { dataDir } = config;
    expect(modeOf(dataDir)).toBe('700');
    for (const name of ['journal', 'status', 'run']) expect(modeOf(join(dataDir, name))).toBe('700');
    for (const name of ['token', 'secret']) {
      expect(modeOf(join(dataDir, name))).toBe('600');
      expect(readFileSync(join(dataDir, name), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    }
    const token = readFileSync(join(dataDir, 'token'), 'utf8').trim();
    expect(result).toMatchObject({
      ok: true,
      config: { core: { access: { token } }, data: { access: { token } } },
    });
  });

  it('keeps its token and key when it is made ready again', async () => {
    const { config } = await place.loaded();
    const first = await ensureDataDir(config);
    const second = await ensureDataDir(config);
    expect(second).toEqual(first);
    const reloaded = await place.loaded();
    expect(reloaded.config.core.access.token).toBe(first.ok && first.config.core.access.token);
  });

  it('prefers the token of the configuration', async () => {
    const { config } = await place.loaded('server: {token: "0123456789abcdef"}');
    const result = await ensureDataDir(config);
    expect(result.ok && result.config.core.access.token).toBe('0123456789abcdef');
  });

  it('is refused when other users may write to it', async () => {
    const dataDir = place.dir.join('shared');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o777);
    const { config } = await place.loaded(undefined, { DATA_DIR: dataDir });
    expect(await ensureDataDir(config)).toMatchObject({ ok: false, problems: [{ code: 'E1009' }] });
  });

  it('is refused when its token is damaged, instead of locking everybody out', async () => {
    const { config } = await place.loaded();
    await ensureDataDir(config);
    writeFileSync(join(config.dataDir, 'token'), '');
    const result = await ensureDataDir(config);
    expect(!result.ok && result.problems[0]?.sentence).toContain('delete it');
  });

  it('gives every process the same token when several start at once', async () => {
    const { config } = await place.loaded();
    const script = `
      const { ensureDataDir } = await import(${JSON.stringify(join(import.meta.dirname, 'data-directory.ts'))});
      const result = await ensureDataDir(JSON.parse(process.argv[1]));
      process.stdout.write(result.ok ? result.config.core.access.token : result.problems[0].sentence);`;
    const start = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(config)]);
    const outputs = await Promise.all(Array.from({ length: 6 }, start));
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(outputs[0]?.stdout).toMatch(/^[0-9a-f]{64}$/);
    expect(readdirSync(config.dataDir).sort()).toEqual(['journal', 'run', 'secret', 'status', 'token']);
  });
});
