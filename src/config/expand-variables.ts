export interface Expanded {
  readonly text: string;
  /** Names that were used without a default and have no value. */
  readonly undefinedNames: readonly string[];
  /** A `${` that is not followed by a name and `}`. */
  readonly malformed: boolean;
}

/**
 * Replaces `${NAME}` and `${NAME:-default}`; the default also stands in for an empty value. `$${` gives a literal
 * `${`. What a variable contains is never expanded again.
 */
export function expandVariables(text: string, lookUp: (name: string) => string | undefined): Expanded {
  const undefinedNames: string[] = [];
  let malformed = false;
  const pattern = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g;
  const expanded = text.replace(pattern, (whole, name: string | undefined, fallback: string | undefined) => {
    if (whole === '$${') return '${';
    if (name === undefined) {
      malformed = true;
      return whole;
    }
    const value = lookUp(name);
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) undefinedNames.push(name);
    return value ?? '';
  });
  return { text: expanded, undefinedNames, malformed };
}
