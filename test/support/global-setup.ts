import { rmSync } from 'node:fs';
import { buildPackage } from './built-package.ts';
import { makeTempDir } from './temp-home.ts';

/** Builds the programs once for all tests; what Node compiles of them is kept for the processes that follow. */
export default async function setUp(): Promise<() => void> {
  const built = await buildPackage();
  const compiled = makeTempDir('compiled');
  process.env.THROUGHLINE_TEST_CLI = built.cli;
  process.env.NODE_COMPILE_CACHE = compiled.path;
  return () => {
    built.remove();
    rmSync(compiled.path, { recursive: true, force: true });
  };
}
