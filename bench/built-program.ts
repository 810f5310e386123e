import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectDirectory } from '#test-support';

const sources = { core: 'src/core/main.ts', recorder: 'src/recorder/main.ts', cli: 'src/cli/main.ts' };

/**
 * Absolute path of what users run: the built program when `dist/` has it, unless `--source` is given. Running from
 * source costs each process some 40 MiB for the type stripper, which no user pays.
 */
export function builtProgram(name: keyof typeof sources): string {
  const built = join(projectDirectory, 'dist', `${name}.js`);
  const program =
    existsSync(built) && !process.argv.includes('--source') ? built : join(projectDirectory, sources[name]);
  console.log(`${name}: ${program.slice(projectDirectory.length)}`);
  return program;
}
