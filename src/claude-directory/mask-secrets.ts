/** What stands in the place of a secret. */
export const masked = '***REDACTED***';

/** Under these keys everything is a secret but what is switched on and off. */
const secretHolders = /^(?:env|environment|headers|http_?headers|cookies)$/i;
const secretName =
  /token|secret|passw|passphrase|credential|api[-_]?key|auth(?!or)|cookie|bearer|signature|(?:private|access|session|signing|encryption|ssh)[-_]?key|^pin$|^key$/i;
const harmless = /^(?:true|false|0|1|)$/i;
const depthMax = 64;

/**
 * A value out of somebody's settings without the secrets in it: what stands under `env` and `headers`, under names that
 * sound like a secret, after options that do, and whatever has the form of a key. The shape stays as it is.
 */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object' || value === null) return value;
  // Nobody nests settings this deep; what does is not worth a stack.
  if (depth >= depthMax) return masked;
  if (Array.isArray(value)) return maskList(value, depth);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, maskField(name, inner, depth + 1)]),
  );
}

/** A text without what has the form of a secret. */
export function maskText(text: string): string {
  return secretForms.reduce((rest, [form, replacement]) => rest.replace(form, replacement), text);
}

/** The arguments of a command, without those that are secrets. */
export function maskArguments(words: readonly string[]): string[] {
  return maskList(words, 0).map(String);
}

function maskField(name: string, value: unknown, depth: number): unknown {
  if (secretHolders.test(name)) return maskAll(value, depth);
  if (typeof value !== 'object' && secretName.test(name)) return maskAll(value, depth);
  return maskSecrets(value, depth);
}

/** Keeps the names, hides the values. */
function maskAll(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || harmless.test(String(value))) return value;
  if (typeof value !== 'object' || depth >= depthMax) return masked;
  if (Array.isArray(value)) return value.map((each) => maskAll(each, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskAll(inner, depth + 1)]));
}

const option = /^--?[\w-]+$/;
/** `-e NAME=value` of docker, `-H "Name: value"` of curl. */
const pairOption = /^(?:-e|--env|-H|--header)$/;
const longPairOption = /^(--(?:env|header)=[^=:\s]+\s*[=:]).*/s;

function maskList(values: readonly unknown[], depth: number): unknown[] {
  return values.map((value, at) => {
    const before = values[at - 1];
    if (typeof value !== 'string') return maskSecrets(value, depth + 1);
    if (typeof before === 'string' && option.test(before) && !value.startsWith('-')) {
      if (pairOption.test(before)) return value.replace(/^([^=:]+\s*[=:]).*/s, `$1${masked}`);
      if (secretName.test(before)) return masked;
    }
    return maskText(value.replace(longPairOption, `$1${masked}`));
  });
}

const named =
  '[\\w.-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|credential|api[-_]?key|auth(?!or)|cookie|signature|access[-_]?key)[\\w.-]{0,40}';

// Repetitions are bounded, so that no text takes longer than its length deserves.
const secretForms: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?/g, masked],
  // Name and password in an address.
  [/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@'"]{1,2048}@/gi, `$1${masked}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${masked}`],
  [new RegExp(`\\b(${named}["']?\\s*[=:]\\s*["']?)[^\\s"'&;,)]{1,4096}`, 'gi'), `$1${masked}`],
  [/\b(?:sk|pk|rk)-[\w-]{16,}/g, masked],
  [/\b(?:gh[opsur]_|github_pat_|glpat-|npm_|xox[abeoprs]-|hf_|pypi-)[\w-]{16,}/g, masked],
  [/\bA(?:KIA|SIA)[0-9A-Z]{16}\b/g, masked],
  [/\bAIza[\w-]{30,}/g, masked],
  [/\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g, masked],
  // A part of an address that nobody could guess is a key as well.
  [/(?<=:\/\/[^\s'"]{0,200}\/)(?=[\w=-]{0,200}\d)[\w=-]{20,}(?=[/?#\s'"]|$)/g, masked],
  [/\b(?=[a-z]{0,40}\d)(?=\d{0,40}[a-z])[a-z0-9]{32,}\b/gi, masked],
];
