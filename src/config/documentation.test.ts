import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { listSettings } from './list-settings.ts';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

const root = join(import.meta.dirname, '../..');
const example = readFileSync(join(root, 'config.example.yaml'), 'utf8');

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

/** The example with the keys that have no default (`#key: …`) switched on. */
const completeExample = example.replace(/^( *)#(?=\S)/gm, '$1');

describe('config.example.yaml', () => {
  it('loads, and changes nothing against having no file', async () => {
    const loaded = await place.loaded(example);
    const withoutKeys = await place.loaded('');
    expect(loaded.warnings).toEqual([]);
    expect(loaded.config).toEqual(withoutKeys.config);
  });

  it('is valid with its commented keys switched on', async () => {
    writeFileSync(place.dir.join('ca.pem'), '-----BEGIN CERTIFICATE-----');
    for (const name of ['gemini.key', 'second.key'])
      writeFileSync(place.dir.join(name), 'key', { mode: 0o600 });
    await place.loaded(completeExample);
  });

  it('has every key of the schema and no other', () => {
    const wanted = listSettings().map(({ key }) => key);
    expect([...new Set(keysOf(parse(completeExample)))].sort()).toEqual([...wanted].sort());
  });

  it('P17: names every variable that overrides a key', () => {
    for (const name of listSettings().flatMap(({ env = [] }) => env)) expect(example).toContain(name);
  });
});

describe('docs/configuration.md', () => {
  const document = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  const rows = document
    .split('\n')
    .filter((line) => /^\| `[a-z_]+(\.|`)/.test(line) && line.split('|').length === 6);

  it('has a row for every key with its variables, default and meaning, and no other', () => {
    expect(rows).toEqual(listSettings().map(documentationRow));
  });
});

describe('the examples', () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'));

  it('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s is a configuration that loads', async (name) => {
    const text = readFileSync(join(root, 'examples', name), 'utf8');
    await place.loaded(text, {
      OPENAI_API_KEY: 'example',
      THROUGHLINE_TOKEN: 'an-example-that-is-not-secret',
    });
  });
});

function documentationRow({
  key,
  env = [],
  default: value,
  meaning,
}: ReturnType<typeof listSettings>[number]): string {
  const written =
    value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
  return `| \`${key}\` | ${env.map((name) => `\`${name}\``).join(', ')} | ${written} | ${meaning} |`;
}

/** Dotted keys; names that the user chooses become `<name>`. */
function keysOf(value: unknown, path: readonly string[] = []): string[] {
  const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value);
  if (isLeaf) return [path.join('.')];
  const chosen = [
    ...['providers', 'subagents.mappings', 'routing.tasks', 'routing.provider_profiles'],
    ...['headers', 'query', 'models'].map((key) => `providers.<name>.${key}`),
  ];
  const named = chosen.includes(path.join('.'));
  return Object.entries(value).flatMap(([key, child]) => keysOf(child, [...path, named ? '<name>' : key]));
}
