import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const projectRoot = join(import.meta.dirname, '../..');

export interface Import {
  /** What stands between the quotes. */
  readonly specifier: string;
  /** Gone at run time: `import type … from`, `export type … from`. */
  readonly isTypeOnly: boolean;
  /** `import()` of a running program. */
  readonly isDynamic: boolean;
}

export interface SourceFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  /** The directory below `src/` that it belongs to. */
  readonly module: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Every TypeScript file below `src/`. */
export function sourceFiles(): readonly SourceFile[] {
  return readdirSync(join(projectRoot, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
    .map(readSourceFile);
}

export function readSourceFile(path: string): SourceFile {
  const text = readFileSync(join(projectRoot, path), 'utf8');
  const isTest = /(?:\.test|\.contract|-fixture)\.ts$|\/testing\//.test(path);
  return { path, module: path.split('/')[1]!, isTest, text, imports: importsOf(text) };
}

/** Finds the imports of a file that is formatted as ours are: statements begin their line. */
export function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm);
  const dynamic = code.matchAll(/\bimport\(\s*(?:'([^']*)'|([^)]*))/g);
  return [
    ...[...statements].map(([, type, specifier]) => ({
      specifier: specifier!,
      isTypeOnly: type !== undefined,
      isDynamic: false,
    })),
    ...[...dynamic]
      .filter(([, literal, expression]) => literal !== undefined || expression?.trim() !== '')
      .map(([, literal, expression]) => ({
        specifier: literal ?? `(${expression})`,
        isTypeOnly: false,
        isDynamic: true,
      })),
  ];
}

/** Project paths of every file that a program loads, itself included, and the packages it needs. */
export function closureOf(entry: string): {
  readonly files: readonly string[];
  readonly packages: readonly string[];
} {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path)) return;
    files.add(path);
    for (const { specifier, isTypeOnly } of readSourceFile(path).imports) {
      if (isTypeOnly) continue;
      const target = resolveImport(path, specifier);
      if (target !== undefined) visit(target);
      else packages.add(specifier);
    }
  };
  visit(entry);
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** The project path that an import names; undefined for packages and what is built into Node. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return moduleMap()[specifier]?.replace('./', '');
  if (specifier.startsWith('.')) return join(dirname(from), specifier).replaceAll('\\', '/');
  return undefined;
}

/** `package.json#imports`. */
export function moduleMap(): Readonly<Record<string, string>> {
  return (
    JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { imports: Record<string, string> }
  ).imports;
}

/** Comments may speak of imports and engines; code is what counts. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
