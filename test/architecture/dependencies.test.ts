import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './imports.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = readJson('package.json') as Readonly<
  Record<'dependencies' | 'devDependencies', Record<string, string>>
>;
const lock = (readJson('package-lock.json') as { packages: Record<string, LockedPackage> }).packages;
const installed = Object.entries(lock).filter(([path]) => path !== '');
const atRunTime = installed.filter(([, { dev }]) => dev !== true);

describe('dependencies', () => {
  it('SEC-20: an installed Throughline has few of them', () => {
    expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(12);
    expect(atRunTime.length).toBeLessThanOrEqual(40);
  });

  it('SEC-20: none runs a script when it is installed', () => {
    // Native parts that come prebuilt, and whose script is not needed: `.npmrc` switches all scripts off.
    const known: readonly string[] = ['node_modules/fsevents'];
    const withScript = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
    expect(withScript.filter((path) => !known.includes(path))).toEqual([]);
    expect(readFileSync(join(projectRoot, '.npmrc'), 'utf8')).toContain('ignore-scripts=true');
  });

  it('SEC-20: the only native one at run time is the driver of the database', () => {
    const native = atRunTime.filter(([path]) =>
      /node-gyp|prebuild|node-addon-api|better-sqlite3$/.test(path),
    );
    expect(native.map(([path]) => path.replace('node_modules/', ''))).toEqual([
      'better-sqlite3',
      'node-addon-api',
    ]);
  });

  it('SEC-20: versions are exact', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('SEC-20: the lock file has a checksum for each and names no place to download from', () => {
    expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(
      installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    ).toEqual([]);
  });
});

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, path), 'utf8'));
}
