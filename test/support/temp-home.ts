import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir {
  readonly path: string;
  join(...parts: string[]): string;
  /** Idempotent. Also called when the process exits. */
  remove(): void;
  [Symbol.dispose](): void;
}

const open = new Set<string>();
process.once('exit', () => {
  for (const path of open) rmSync(path, { recursive: true, force: true });
});

/** A private directory under the system's temporary directory that goes away with the process at the latest. */
export function makeTempDir(name = 'test'): TempDir {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `throughline-${name}-`)));
  open.add(path);
  const remove = (): void => {
    // A process that is just ending may still write into it; try a few times.
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    open.delete(path);
  };
  return { path, join: (...parts) => join(path, ...parts), remove, [Symbol.dispose]: remove };
}

export interface TempHome extends TempDir {
  readonly homeDir: string;
  readonly dataDir: string;
  readonly configFile: string;
  /** An environment that inherits nothing but PATH, so that a test cannot reach the real home directory. */
  readonly env: Readonly<Record<string, string>>;
}

/** What Node compiled for one test is of use to the next: see `global-setup.ts`. */
function compileCache(): Readonly<Record<string, string>> {
  const directory = process.env.NODE_COMPILE_CACHE;
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: directory };
}

export function makeTempHome(name = 'home'): TempHome {
  const dir = makeTempDir(name);
  const homeDir = dir.join('home');
  const dataDir = dir.join('data');
  mkdirSync(homeDir, { mode: 0o700 });
  mkdirSync(dataDir, { mode: 0o700 });
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: homeDir,
    XDG_CONFIG_HOME: join(homeDir, '.config'),
    XDG_DATA_HOME: join(homeDir, '.local', 'share'),
    TMPDIR: tmpdir(),
    NO_PROXY: '127.0.0.1,::1,localhost',
    NO_COLOR: '1',
    ...compileCache(),
  };
  return { ...dir, homeDir, dataDir, configFile: dir.join('config.yaml'), env };
}
