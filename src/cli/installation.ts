import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this Throughline is installed and how its programs are started: from source, or as they were built. */
export interface Installation {
  readonly version: string;
  /** Has `bin`, `scripts` and `examples`. Absolute. */
  readonly root: string;
  readonly programs: { readonly core: string; readonly recorder: string; readonly data: string };
}

let known: Installation | undefined;

export function installation(): Installation {
  known ??= findInstallation(fileURLToPath(import.meta.url));
  return known;
}

function findInstallation(ownPath: string): Installation {
  const root = packageRoot(dirname(ownPath));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const isSource = ownPath.endsWith('.ts');
  const program = (name: string) =>
    isSource ? join(root, 'src', name, 'main.ts') : join(root, 'dist', `${name}.js`);
  return {
    version,
    root,
    programs: { core: program('core'), recorder: program('recorder'), data: program('data') },
  };
}

/** The nearest directory upwards with a package.json: the same in a checkout, in `dist/` and in `node_modules/`. */
function packageRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  const parent = dirname(directory);
  if (parent === directory)
    throw new Error('this installation has no package.json: install Throughline again');
  return packageRoot(parent);
}
