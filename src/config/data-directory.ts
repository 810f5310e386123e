import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigProblem } from './config-problem.ts';
import { rememberKeyOrigins } from './key-origins.ts';
import type { ResolvedConfig } from './resolved-config.ts';

export type DataDirResult =
  | { readonly ok: true; readonly config: ResolvedConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Makes the data directory ready: the directory itself and the ones of the journal, the status and the running
 * services (0700), the access token, the fingerprint key and where keys were given for (0600). Idempotent, and safe when several processes
 * start at once: all of them end up with the same token and key.
 * @returns the configuration with the token in it; use this one from here on
 */
export async function ensureDataDir(config: ResolvedConfig): Promise<DataDirResult> {
  const { dataDir } = config;
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const trouble = await whoElseMayWrite(dataDir);
    if (trouble) return { ok: false, problems: [trouble] };
    for (const name of ['journal', 'status', 'run'])
      await mkdir(join(dataDir, name), { recursive: true, mode: 0o700 });
    const token = await createOnce(dataDir, 'token');
    await createOnce(dataDir, 'secret');
    await rememberKeyOrigins(config.core.providers, dataDir);
    return { ok: true, config: withToken(config, token) };
  } catch (error) {
    const cause = (error as Error).message;
    const sentence = `The data directory ${dataDir} cannot be used: ${cause}.`;
    return {
      ok: false,
      problems: [{ code: 'E1009', sentence, fix: 'Check its owner and permissions, or set DATA_DIR.' }],
    };
  }
}

/** The generated token; undefined when there is none yet or it cannot be read. */
export async function readToken(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, 'token'), 'utf8').catch(() => '');
  return isHexKey(text.trim()) ? text.trim() : undefined;
}

function withToken(config: ResolvedConfig, generated: string): ResolvedConfig {
  const access = { ...config.core.access, token: config.core.access.token || generated };
  return { ...config, core: { ...config.core, access }, data: { ...config.data, access } };
}

/** Whoever may write here could replace the token, the key or the database. */
async function whoElseMayWrite(dataDir: string): Promise<ConfigProblem | undefined> {
  const { mode, uid } = await stat(dataDir);
  const own = process.getuid?.();
  if (own === undefined) return undefined;
  const fix = `chmod 700 ${JSON.stringify(dataDir)}, or use another directory.`;
  if ((mode & 0o022) !== 0) {
    return { code: 'E1009', sentence: `Other users may write to the data directory ${dataDir}.`, fix };
  }
  if (uid !== own && own !== 0) {
    return { code: 'E1009', sentence: `The data directory ${dataDir} belongs to another user.`, fix };
  }
  return undefined;
}

/** The content of a key file, made with 256 random bits when it is missing. It appears whole or not at all. */
async function createOnce(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, name);
  const existing = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (existing === undefined) await createWhole(path, `${randomBytes(32).toString('hex')}\n`);
  const content = (existing ?? (await readFile(path, 'utf8'))).trim();
  if (isHexKey(content)) return content;
  throw new Error(`${path} does not hold 64 hexadecimal digits; delete it to get a new one`);
}

async function createWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await link(temporary, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    // Another process was first: its file is as good as ours.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

function isHexKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
