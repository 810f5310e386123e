import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, startFakeProvider, startThroughline, type TempDir } from '#test-support';
import { projectRoot } from './imports.ts';

const run = promisify(execFile);
/** The Node that runs this test comes first, so that `bin/throughline` finds a fitting one. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };

let directory: TempDir;
let installedAt: string;

beforeAll(async () => {
  directory = makeTempDir('pack');
  // `npm pack` builds into the checkout's dist/ first, as a release does.
  await run('npm', ['pack', '--ignore-scripts=false', '--pack-destination', directory.path], {
    cwd: projectRoot,
    env,
  });
  writeFileSync(directory.join('package.json'), '{"name":"somebody","private":true}');
  const archive = directory.join(`throughline-${manifest.version}.tgz`);
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', ...options, archive], { cwd: directory.path, env });
  installedAt = directory.join('node_modules/throughline');
}, 240_000);
afterAll(() => directory.remove());

describe('the packed package, installed into an empty directory', () => {
  it('says its version', async () => {
    const { stdout } = await run(directory.join('node_modules/.bin/throughline'), ['--version'], { env });
    expect(stdout.trim()).toContain(manifest.version);
  });

  it('has no sources, tests or data in it', () => {
    for (const name of ['src', 'test', 'bench', 'data', 'config.yaml', '.toolchain', 'node_modules/vitest']) {
      expect(existsSync(join(installedAt, name)), name).toBe(false);
    }
  });

  it('serves traffic with `throughline up`', async () => {
    const provider = await startFakeProvider();
    const throughline = await startThroughline({
      providerOrigin: provider.origin,
      cli: join(installedAt, 'dist/cli.js'),
    });
    try {
      const answer = await fetch(`${throughline.frontUrl}/v1/models`);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      expect(provider.requests.at(-1)?.target).toBe('/v1/models');
    } finally {
      await throughline.stop();
      await provider.close();
    }
  });
});
