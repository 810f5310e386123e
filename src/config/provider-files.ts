import { resolve } from 'node:path';
import type { WeightedKey } from '#core-config';
import type { RuleProblem } from './config-problem.ts';
import type { ReadConfig } from './config-schema.ts';
import { isKey } from './provider-readers.ts';
import type { ReadProvider } from './provider-schema.ts';
import { readSmallFile } from './read-small-file.ts';

const keyFileBytesMax = 64 * 1024;
/** The bundle of all public authorities has a quarter of this. */
const caFileBytesMax = 1024 * 1024;

/** What the files hold that providers name. */
export interface ProviderFiles {
  /** PEM text by provider. */
  readonly certificates: ReadonlyMap<string, string>;
  /** All keys of a provider, wherever they stand, by provider; absent when it has none. */
  readonly keys: ReadonlyMap<string, readonly WeightedKey[]>;
  readonly problems: readonly RuleProblem[];
}

/** Reads the files that providers name. What they hold is never part of a problem. */
export async function readProviderFiles(
  providers: ReadConfig['providers'],
  baseDir: string,
): Promise<ProviderFiles> {
  const certificates = new Map<string, string>();
  const keys = new Map<string, readonly WeightedKey[]>();
  const problems: RuleProblem[] = [];
  for (const [name, provider] of Object.entries(providers)) {
    const path = ['providers', name];
    if (provider.ca_file !== undefined) {
      const pem = await readCertificates(resolve(baseDir, provider.ca_file));
      if ('wrong' in pem) problems.push({ code: 'E1003', path: [...path, 'ca_file'], sentence: pem.wrong });
      else certificates.set(name, pem.text);
    }
    const found: WeightedKey[] = [];
    for (const { key, file, weight, setting } of namedKeys(provider)) {
      if (file === undefined) found.push({ key: key!, weight });
      else {
        const read = await readKeyFile(resolve(baseDir, file));
        if ('wrong' in read) {
          const { wrong, fix } = read;
          problems.push({ code: 'E1003', path: [...path, setting], sentence: `${setting} ${wrong}`, fix });
          continue;
        }
        if (read.warning !== undefined) {
          problems.push({ code: 'W1011', path: [...path, setting], sentence: read.warning });
        }
        found.push({ key: read.key, weight });
      }
    }
    if (found.length > 0) keys.set(name, found);
  }
  return { certificates, keys, problems };
}

interface NamedKey {
  readonly key?: string;
  readonly file?: string;
  readonly weight: number;
  /** Where it stands. */
  readonly setting: 'api_key' | 'api_key_file' | 'api_keys';
}

function* namedKeys({ api_key: key, api_key_file: file, api_keys: more }: ReadProvider): Generator<NamedKey> {
  if (key !== undefined) yield { key, weight: 1, setting: 'api_key' };
  if (file !== undefined) yield { file, weight: 1, setting: 'api_key_file' };
  for (const each of more ?? []) yield { ...each, setting: 'api_keys' };
}

type KeyFile =
  | { readonly key: string; readonly warning?: string }
  | { readonly wrong: string; readonly fix: string };

async function readKeyFile(path: string): Promise<KeyFile> {
  const fix = 'Write a file that holds the key alone, and make it yours: chmod 600 FILE.';
  const file = await readSmallFile(path, keyFileBytesMax);
  if ('wrong' in file) return { wrong: `${path} ${file.wrong}`, fix };
  const key = file.text.replace(/^\uFEFF/, '').trim();
  if (key === '') return { wrong: `${path} is empty`, fix };
  if (!isKey(key)) return { wrong: `${path} holds something else than one line with a key`, fix };
  const isOpen = process.platform !== 'win32' && (file.mode & 0o077) !== 0;
  return isOpen
    ? { key, warning: `other users may read the key in ${path}; chmod 600 makes it yours alone` }
    : { key };
}

async function readCertificates(
  path: string,
): Promise<{ readonly text: string } | { readonly wrong: string }> {
  const file = await readSmallFile(path, caFileBytesMax);
  if ('wrong' in file) return { wrong: `ca_file ${path} ${file.wrong}` };
  if (/-----BEGIN CERTIFICATE-----/.test(file.text)) return { text: file.text };
  return { wrong: `ca_file ${path} has no PEM certificate` };
}
