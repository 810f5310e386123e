/**
 * Builds what an installed package runs: `node scripts/build.ts [--out DIR] [core|recorder|data|data-index|data-query|cli …]`, everything
 * into `dist/` by default.
 * `dist/core.js` is one file without packages; the others keep their packages outside and may share chunks of their
 * own directory. Services lie beside the command line, where it looks for them.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'rolldown';

const root = join(import.meta.dirname, '..');
const sources: Readonly<Record<string, string>> = {
  core: 'src/core/main.ts',
  recorder: 'src/recorder/main.ts',
  data: 'src/data/main.ts',
  // Threads of proxy-data, which finds them beside itself.
  'data-index': 'src/data/index-thread/main.ts',
  'data-query': 'src/data/query-thread/main.ts',
  cli: 'src/cli/main.ts',
};

const started = performance.now();
const { values, positionals: asked } = parseArgs({
  options: { out: { type: 'string' } },
  allowPositionals: true,
});
const out = values.out ?? join(root, 'dist');
const unknown = asked.find((name) => !Object.hasOwn(sources, name));
if (unknown !== undefined) {
  console.error(`build: there is no program "${unknown}"; choose from ${Object.keys(sources).join(', ')}`);
  process.exit(2);
}
if (asked.length === 0) await rm(out, { recursive: true, force: true });
await Promise.all((asked.length === 0 ? Object.keys(sources) : asked).map(buildProgram));
console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);

async function buildProgram(name: string): Promise<void> {
  const { output } = await build({
    cwd: root,
    input: { [name]: join(root, sources[name]!) },
    platform: 'node',
    // Bare names are packages; `#names`, relative and absolute paths are ours.
    external: name === 'core' ? [/^node:/] : [/^node:/, /^(?!#|\.|\/)[\w@]/],
    output: {
      dir: out,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: `${name}/[name]-[hash].js`,
      codeSplitting: name === 'cli',
      sourcemap: false,
    },
  });
  for (const file of output) {
    const kilobytes = file.type === 'chunk' ? (file.code.length / 1024).toFixed(0) : '?';
    console.log(`  ${join(out, file.fileName)}  ${kilobytes} kB`);
  }
}
