import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, startFakeProvider, startThroughline, type TempDir } from '#test-support';
import { projectRoot } from './imports.ts';

const run = promisify(execFile);
/** The Node that runs this test comes first, so that `bin/throughline` finds a fitting one. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};

let directory: TempDir;
let installedAt: string;

beforeAll(async () => {
  directory = makeTempDir('pack');
  // `npm pack` builds into the checkout's dist/ first, as a release does.
  const pack = ['pack', '--ignore-scripts=false', '--pack-destination', directory.path];
  await run('npm', pack, { cwd: projectRoot, env });
  const somebody = { name: 'somebody', private: true, dependencies: manifest.dependencies };
  writeFileSync(directory.join('package.json'), JSON.stringify(somebody));
  for (const path of runTimePackages()) copyInstalled(path, directory.path);
  const archive = directory.join(`throughline-${manifest.version}.tgz`);
  // Offline: npm takes the packages that already lie there, at the versions that it would have fetched.
  const options = ['--offline', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
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

  it('has what a service of this installation is made of', async () => {
    const throughline = join(installedAt, 'bin/throughline');
    const { stdout } = await run(throughline, ['service', 'install', '--print', '--json'], { env });
    const { files } = JSON.parse(stdout) as { files: { text: string }[] };
    expect(files.map(({ text }) => text).join('')).toContain(throughline);
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

/** Project paths of everything that is installed with the package, from the lock file. */
function runTimePackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev && existsSync(join(projectRoot, path)))
    .map(([path]) => path);
}

/** Copies a package as npm installs one: with the links to its commands, without which npm would fetch it again. */
function copyInstalled(path: string, target: string): void {
  cpSync(join(projectRoot, path), join(target, path), { recursive: true });
  const { name, bin = {} } = JSON.parse(readFileSync(join(target, path, 'package.json'), 'utf8')) as {
    name: string;
    bin?: string | Record<string, string>;
  };
  const commands = typeof bin === 'string' ? { [name.split('/').at(-1)!]: bin } : bin;
  const links = join(target, 'node_modules/.bin');
  mkdirSync(links, { recursive: true });
  for (const [command, file] of Object.entries(commands)) {
    symlinkSync(relative(links, join(target, path, file)), join(links, command));
  }
}
