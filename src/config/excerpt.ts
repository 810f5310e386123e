import { type Document, isNode, visit } from 'yaml';

/** What an excerpt is made of. */
export interface ExcerptSource {
  readonly source: string;
  /** Stretches of the source that may be secret: start and end. */
  readonly secrets: readonly (readonly [start: number, end: number])[];
  /** False when the file is not valid YAML: then only lines that begin with a key are certain to be no secret. */
  readonly isValid: boolean;
}

const secretName = /auth|key|token|secret|password|cookie/i;

/** Where the values of keys stand that may be secret, and keys that look as if a value had slipped into them. */
export function secretsOf(document: Document.Parsed): ExcerptSource['secrets'] {
  const found: [number, number][] = [];
  const add = (node: unknown): void => {
    if (isNode(node) && node.range) found.push([node.range[0], node.range[1]]);
  };
  visit(document, {
    Pair(_index, { key, value }) {
      const name = isNode(key) ? String(key) : '';
      if (/\s/.test(name)) add(key);
      if (secretName.test(name)) add(value);
    },
  });
  return found;
}

/**
 * The line around a place of the file, with the place marked and without what may be secret.
 * @param place offset of the line, column from 1 and length of what is to be marked
 */
export function excerpt(
  { source, secrets, isValid }: ExcerptSource,
  place: { readonly line: number; readonly start: number; readonly column: number; readonly length: number },
): string {
  const written = source.slice(place.start).split(/\r?\n/, 1)[0]!.slice(0, 1000);
  const open = written.replace(/[\s\S]/g, (letter, index: number) =>
    isWithin(secrets, place.start + index) ? '*' : letter,
  );
  const shown = withoutSecret(open, isValid).slice(0, 120);
  const carets = '^'.repeat(Math.max(1, Math.min(place.length, shown.length - place.column + 1)));
  const marked = `${' '.repeat(place.column - 1)}${carets}`;
  return `${String(place.line).padStart(5)} | ${shown}\n      | ${marked}`;
}

function isWithin(secrets: ExcerptSource['secrets'], offset: number): boolean {
  return secrets.some(([start, end]) => offset >= start && offset < end);
}

function withoutSecret(line: string, isValid: boolean): string {
  const tabless = line.replaceAll('\t', ' ');
  const beginsWithKey = /^\s*(?:- +)?["']?[\w.-]+["']?\s*:/.test(tabless);
  if (!isValid && !beginsWithKey) return tabless.replace(/\S.*$/, '…');
  return tabless
    .replace(/((?:auth\w*|key|token|secret|password|cookie)["']?\s*:\s*)\S.*$/i, '$1…')
    .replace(/[^\s/"'@]*@/g, (login) => `${'*'.repeat(login.length - 1)}@`)
    .replace(/\?[^\s"']*/g, (query) => `?${'*'.repeat(query.length - 1)}`);
}
