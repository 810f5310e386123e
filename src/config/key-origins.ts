import { createHmac, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CoreProvider } from '#core-config';
import type { RuleProblem } from './config-problem.ts';
import { readSmallFile } from './read-small-file.ts';

/**
 * Which origin each provider's keys were given for, remembered in the data directory as fingerprints. A key does not
 * follow an address that somebody changed: whoever can turn `base_url` must not get the key with it.
 */
const fileName = 'key-origins.json';
const fileBytesMax = 1024 * 1024;
const providersMax = 1000;

interface KeyOrigin {
  readonly origin: string;
  /** Fingerprints of all secrets that the provider got. */
  readonly keys: readonly string[];
}

/**
 * Compares the providers with what was remembered. Reads only.
 * @param confirmed origin that the keys of a provider were given anew for, by provider
 * @returns one problem for each provider whose old key would go to a new origin
 */
export async function checkKeyOrigins(
  providers: readonly CoreProvider[],
  dataDir: string,
  confirmed: ReadonlyMap<string, string>,
): Promise<readonly RuleProblem[]> {
  const secret = await readSecret(dataDir);
  // Without the key of fingerprints nothing was remembered, or nothing can be compared.
  if (secret === undefined) return [];
  const remembered = await readRemembered(dataDir);
  if (remembered === undefined) {
    const sentence = `${join(dataDir, fileName)} cannot be read: it says which addresses the keys of providers were given for`;
    return [
      {
        code: 'E1013',
        path: [],
        sentence,
        fix: 'Repair its permissions, or delete it to let all present ones hold.',
      },
    ];
  }
  return providers.flatMap((provider) => {
    const before = remembered.get(provider.name);
    if (before === undefined || before.origin === provider.origin) return [];
    if (confirmed.get(provider.name) === provider.origin) return [];
    const isOld = fingerprintsOf(provider, secret).some((print) => before.keys.includes(print));
    return isOld ? [keyMoved(provider, before.origin)] : [];
  });
}

/** The problem of a key that would go to another origin than it was given for. */
export function keyMoved(
  { name, origin }: Pick<CoreProvider, 'name' | 'origin'>,
  before: string,
): RuleProblem {
  return {
    code: 'E1013',
    path: ['providers', name, 'base_url'],
    sentence: `the key of provider '${name}' was given for ${before} and would be sent to ${origin}`,
    fix: `Give it a key for the new address; or, if this key is meant to go there, write api_key_origin: ${origin}`,
  };
}

/** Remembers where the keys go now. Appears whole or not at all; without a change nothing is written. */
export async function rememberKeyOrigins(providers: readonly CoreProvider[], dataDir: string): Promise<void> {
  const secret = await readSecret(dataDir);
  if (secret === undefined) return;
  const remembered = new Map(await readRemembered(dataDir));
  for (const provider of providers) {
    const keys = fingerprintsOf(provider, secret);
    if (keys.length > 0) remembered.set(provider.name, { origin: provider.origin, keys });
  }
  const kept = [...remembered].slice(-providersMax);
  const content = `${JSON.stringify({ version: 1, providers: Object.fromEntries(kept) })}\n`;
  const path = join(dataDir, fileName);
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present === content || (present === undefined && kept.length === 0)) return;
  await replaceFile(path, content);
}

/** Fields whose value proves who asks. */
const secretField = /auth|key|token|secret|cookie/i;

/** True when the provider gets something that must not reach anybody else. */
export function hasSecrets(provider: CoreProvider): boolean {
  return secretsOf(provider).length > 0;
}

function secretsOf({ apiKey, apiKeys, headers = [], query }: CoreProvider): string[] {
  const keys = apiKeys?.map(({ key }) => key) ?? (apiKey === undefined ? [] : [apiKey]);
  const fields = [...headers, ...new URLSearchParams(query)];
  return [...keys, ...fields.filter(([name]) => secretField.test(name)).map(([, value]) => value)];
}

function fingerprintsOf(provider: CoreProvider, secret: string): string[] {
  const prints = secretsOf(provider).map((key) =>
    createHmac('sha256', secret).update(`key origin\0${provider.name}\0${key}`).digest('hex').slice(0, 32),
  );
  return [...new Set(prints)];
}

async function readSecret(dataDir: string): Promise<string | undefined> {
  const file = await readSmallFile(join(dataDir, 'secret'), 1024);
  return 'text' in file && /^[0-9a-f]{64}$/.test(file.text.trim()) ? file.text.trim() : undefined;
}

/** Empty when there is no file yet, undefined when it cannot be understood. */
async function readRemembered(dataDir: string): Promise<ReadonlyMap<string, KeyOrigin> | undefined> {
  const file = await readSmallFile(join(dataDir, fileName), fileBytesMax);
  if ('wrong' in file) return file.isMissing ? new Map() : undefined;
  try {
    const { version, providers } = JSON.parse(file.text) as { version?: unknown; providers?: unknown };
    if (version !== 1 || typeof providers !== 'object' || providers === null) return undefined;
    const entries = Object.entries(providers as Record<string, Partial<KeyOrigin> | null>);
    return new Map(
      entries.flatMap(([name, entry]) => {
        const { origin, keys } = entry ?? {};
        return typeof origin === 'string' && Array.isArray(keys) ? [[name, { origin, keys }] as const] : [];
      }),
    );
  } catch {
    return undefined;
  }
}

async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
