import { existsSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  importsOf,
  moduleMap,
  projectRoot,
  type SourceFile,
  sourceFiles,
  withoutComments,
} from './imports.ts';

interface Layer {
  /** Front doors it may import. */
  readonly modules: readonly string[];
  /** Front doors it may import types from, which costs nothing at run time. */
  readonly types?: readonly string[];
  readonly packages: readonly string[];
}

/** Who may import whom. A new line here is a new arrow between modules and deserves a decision in docs/decisions. */
const layers: Readonly<Record<string, Layer>> = {
  exchange: { modules: [], packages: [] },
  'core-config': { modules: [], packages: [] },
  search: { modules: [], packages: [] },
  formats: { modules: [], packages: [] },
  generation: { modules: [], packages: [] },
  translate: { modules: ['#formats'], packages: [] },
  resilience: { modules: ['#exchange', '#formats'], packages: [] },
  routing: { modules: ['#exchange'], types: ['#core-config'], packages: [] },
  guard: { modules: ['#exchange'], types: ['#core-config'], packages: [] },
  journal: { modules: ['#exchange'], types: ['#core-config'], packages: [] },
  core: {
    modules: [
      '#core-config',
      '#exchange',
      '#formats',
      '#generation',
      '#guard',
      '#journal/write',
      '#resilience',
      '#routing',
      '#translate',
    ],
    packages: [],
  },
  'claude-directory': { modules: [], packages: [] },
  config: { modules: ['#core-config'], packages: ['yaml', 'zod'] },
  store: {
    modules: ['#exchange', '#search'],
    types: ['#config'],
    packages: ['better-sqlite3', 'kysely', 'pg'],
  },
  recorder: {
    modules: ['#exchange', '#formats', '#generation', '#journal/read', '#store'],
    types: ['#config'],
    packages: ['pino'],
  },
  transcripts: { modules: ['#exchange', '#formats'], packages: [] },
  import: { modules: ['#exchange', '#formats', '#recorder', '#store'], packages: ['better-sqlite3'] },
  outline: { modules: ['#formats'], packages: [] },
  prices: { modules: ['#exchange'], packages: ['@pydantic/genai-prices'] },
  derive: { modules: ['#exchange', '#formats', '#prices', '#store', '#transcripts'], packages: [] },
  api: { modules: ['#exchange'], packages: ['zod'] },
  data: {
    modules: [
      '#api',
      '#claude-directory',
      '#derive',
      '#exchange',
      '#formats',
      '#generation',
      '#guard',
      '#outline',
      '#routing',
      '#search',
      '#store',
      '#transcripts',
    ],
    types: ['#config'],
    packages: ['@hono/node-server', 'csv-stringify', 'hono', 'pino', 'prom-client'],
  },
  supervisor: { modules: ['#generation'], packages: [] },
  cli: {
    modules: ['#config', '#generation', '#import', '#journal/write', '#routing', '#store', '#supervisor'],
    types: ['#api'],
    packages: ['commander'],
  },
};

const files = sourceFiles();
const programFiles = files.filter(({ isTest }) => !isTest);

describe('modules', () => {
  it('are all in the table', () => {
    const modules = readdirSync(join(projectRoot, 'src'));
    expect(modules.filter((name) => !Object.hasOwn(layers, name))).toEqual([]);
  });

  it('import only the modules and packages that the table gives them', () => {
    expect(programFiles.flatMap(forbiddenImports)).toEqual([]);
  });

  it('are entered by their front doors only', () => {
    const deep = files.flatMap(({ path, module, imports }) =>
      imports
        .filter(
          ({ specifier }) =>
            specifier.startsWith('.') && !join(path, '..', specifier).startsWith(`src/${module}/`),
        )
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(deep).toEqual([]);
    expect(Object.keys(moduleMap()).filter((name) => name.includes('*'))).toEqual([]);
  });

  it('have a front door for every name that is imported', () => {
    const names = new Set(files.flatMap(({ imports }) => imports.map(({ specifier }) => specifier)));
    const missing = [...names].filter((name) => name.startsWith('#') && !existsSync(doorOf(name)));
    expect(missing).toEqual([]);
  });
});

describe('an engine', () => {
  /** These let a user choose one, and the store open the one that was chosen. */
  const choosers = [
    'src/config/config-schema.ts',
    'src/config/resolved-config.ts',
    'src/store/open-store.ts',
    'src/store/transcripts/open-transcripts.ts',
    // The file of another program, which is what it is whatever engine ours has.
    'src/import/legacy-database.ts',
  ];

  it('is named nowhere outside of its own directory', () => {
    const naming = programFiles
      .filter(({ path }) => !/^src\/store\/(?:sqlite|postgres)\//.test(path) && !choosers.includes(path))
      .filter(({ text }) => /sqlite|postgres|\bpragma\b/i.test(withoutComments(text)))
      .map(({ path }) => path);
    expect(naming).toEqual([]);
  });
});

describe('proxy-core', () => {
  it('loads everything before it listens: no import() and no require', () => {
    const modules = ['core', ...layers.core!.modules.map((name) => name.slice(1).split('/')[0]!)];
    const late = programFiles
      .filter(({ module }) => modules.includes(module))
      .filter(
        ({ imports, text }) =>
          imports.some(({ isDynamic }) => isDynamic) || /\brequire\(|createRequire/.test(text),
      )
      .map(({ path }) => path);
    expect(late).toEqual([]);
  });
});

describe('formats, translate, search and the route', () => {
  it('know no clock, no randomness and no input or output', () => {
    const pure = programFiles.filter(
      ({ path, module }) =>
        ['formats', 'translate', 'search'].includes(module) || path === 'src/core/route.ts',
    );
    const impure = pure
      .filter(({ text, imports }) => {
        const reaches = imports.some(({ specifier }) =>
          /^node:(?!buffer|string_decoder|zlib)/.test(specifier),
        );
        return (
          reaches ||
          /Date\.now|new Date\(\)|Math\.random|performance\.now|\bfetch\(/.test(withoutComments(text))
        );
      })
      .map(({ path }) => path);
    expect(impure).toEqual([]);
  });
});

describe('the scanner of these tests', () => {
  it('sees every way to import, and no comment', () => {
    const text = [
      "import a from '#a';",
      "import type { B } from '#b';",
      "import {\n  c,\n  type D,\n} from './c.ts';",
      "export { e } from './e.ts';",
      "export type { F } from './f.ts';",
      "import './g.ts';",
      "// import h from '#h';",
      "const i = await import('#i');",
      'const j = import(name);',
      "const text = 'import k from elsewhere';",
      'const here = import.meta.dirname;',
    ].join('\n');
    const seen = importsOf(text).map(({ specifier, isTypeOnly, isDynamic }) => [
      specifier,
      isTypeOnly,
      isDynamic,
    ]);
    expect(seen).toEqual([
      ['#a', false, false],
      ['#b', true, false],
      ['./c.ts', false, false],
      ['./e.ts', false, false],
      ['./f.ts', true, false],
      ['./g.ts', false, false],
      ['#i', false, true],
      ['(name)', false, true],
    ]);
  });
});

function forbiddenImports({ path, module, imports }: SourceFile): string[] {
  const layer = layers[module];
  if (!layer) return [];
  return imports
    .filter(({ specifier }) => !specifier.startsWith('.') && !isBuiltin(specifier))
    .filter(({ specifier, isTypeOnly }) => {
      if (!specifier.startsWith('#')) return !layer.packages.includes(packageOf(specifier));
      return !layer.modules.includes(specifier) && !(isTypeOnly && layer.types?.includes(specifier));
    })
    .map(({ specifier }) => `${path} imports ${specifier}`);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function doorOf(name: string): string {
  return join(projectRoot, moduleMap()[name] ?? `not-in-package.json/${name}`);
}
