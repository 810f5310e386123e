import { execFile } from 'node:child_process';
import { copyFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectDirectory } from './child-process.ts';
import { makeTempDir } from './temp-home.ts';

/** The programs as users run them, built into a directory of their own. */
export interface BuiltPackage {
  /** Absolute path of the command line. */
  readonly cli: string;
  remove(): void;
}

/** For what depends on how a program runs: from source, each process carries a compiler of some 40 MiB. */
export async function buildPackage(): Promise<BuiltPackage> {
  const directory = makeTempDir('built');
  copyFileSync(join(projectDirectory, 'package.json'), directory.join('package.json'));
  symlinkSync(join(projectDirectory, 'node_modules'), directory.join('node_modules'));
  const build = join(projectDirectory, 'scripts/build.ts');
  await promisify(execFile)(process.execPath, [build, '--out', directory.join('dist')]);
  return { cli: directory.join('dist/cli.js'), remove: () => directory.remove() };
}
