import type { Problem } from '#exchange';

/** A request target in the one form that nobody reads differently. */
export interface StrictTarget {
  /** Begins with `/`; percent-encoding is left as it was sent. */
  readonly path: string;
  /** Without `?`; empty when none. */
  readonly query: string;
}

/**
 * Accepts origin-form targets (RFC 9112, section 3.2.1) whose path means the same to every reader, and nothing
 * else: a target must never choose its host, nor look like one path here and like another one upstream.
 */
export function strictTarget(raw: string): StrictTarget | Problem {
  if (raw.length > targetLengthMax) return bad(`longer than ${targetLengthMax} bytes`);
  if (raw[0] !== '/') return bad('it must begin with a slash');
  if (!plainCharacters.test(raw)) return bad('it has characters that must be percent-encoded');
  const mark = raw.indexOf('?');
  const path = mark < 0 ? raw : raw.slice(0, mark);
  const query = mark < 0 ? '' : raw.slice(mark + 1);
  const problem = pathProblem(path);
  return problem === undefined ? { path, query } : bad(problem);
}

export function isProblem(value: object): value is Problem {
  return 'code' in value;
}

/**
 * The tag and the rest of a `/p/<tag>/v1/…` path; undefined for every other path.
 * @param path from `strictTarget`
 */
export function taggedPath(path: string): { readonly tag: string; readonly path: string } | undefined {
  const match = /^\/p\/([A-Za-z0-9._-]{1,64})(\/v1(?:\/.*)?)$/.exec(path);
  return match === null ? undefined : { tag: match[1]!, path: match[2]! };
}

const targetLengthMax = 8192;
/** Printable ASCII but space, `"`, `#`, `<`, `>`, `\`, `^`, backtick, `{`, `|` and `}`. */
const plainCharacters = /^[!$-;=?-[\]_a-z~]*$/;

function pathProblem(path: string): string | undefined {
  if (path.includes('//')) return 'it has an empty path segment';
  if (path.startsWith('/@')) return 'it looks like an address';
  if (!path.includes('%')) return hasDotSegment(path) ? 'it has a dot segment' : undefined;
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'its percent-encoding is broken';
  if (/%(?:2f|5c|[01][0-9a-f]|7f)/i.test(path))
    return 'it encodes a slash, a backslash or a control character';
  // %25 would let a second reader decode what the first did not.
  if (/%25(?:2e|2f|5c|00)/i.test(path)) return 'it encodes a dot or a slash twice';
  return hasDotSegment(path.replace(/%2e/gi, '.')) ? 'it has a dot segment' : undefined;
}

/** `..;x` is a dot segment to readers that cut path parameters off. */
function hasDotSegment(path: string): boolean {
  return /\/\.{1,2}(?:[/;]|$)/.test(path);
}

function bad(detail: string): Problem {
  return { code: 'bad-target', detail };
}
