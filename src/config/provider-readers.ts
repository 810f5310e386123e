import type { ProviderProxy } from '#core-config';
import { isMapping } from './raw-tree.ts';
import type { Reader, Reading } from './setting.ts';
import { text, wholeNumber } from './setting-readers.ts';

/** Longer ones are no key but a file that was taken for one. */
const keyCharactersMax = 8192;
const keysMax = 100;

/** One of `api_keys`, with its share of the work. */
export interface ReadKey {
  readonly key?: string;
  /** File with the key, as it was written. */
  readonly file?: string;
  readonly weight: number;
}

/** A key as it can stand in a header. A value that is not shown: it may be a secret with a typing error. */
export const keyText: Reader<string> = (written) => {
  const reading = text(written);
  if ('wrong' in reading) return { wrong: 'is not a text that can be a key', ...fixOf(reading) };
  return isKey(reading.value)
    ? reading
    : {
        wrong: 'has characters that no key has',
        fix: 'A key is one line of visible ASCII characters without blanks.',
      };
};

export function isKey(value: string): boolean {
  return value.length <= keyCharactersMax && /^[!-~]+$/.test(value);
}

/** `api_keys`: texts, `{ key, weight }` or `{ file, weight }`. */
export const keyList: Reader<readonly ReadKey[]> = (written) => {
  if (!Array.isArray(written) || written.length === 0) {
    return { wrong: 'is not a list of keys', fix: 'Write a list, one key or { key, weight } each.' };
  }
  if (written.length > keysMax) return { wrong: `has more than ${keysMax} keys` };
  const value: ReadKey[] = [];
  for (const [index, entry] of written.entries()) {
    const reading = readKey(entry);
    if ('wrong' in reading) return { ...reading, wrong: `has an entry ${index + 1} that ${reading.wrong}` };
    value.push(reading.value);
  }
  return { value };
};

const share = wholeNumber(0, 1000);

function readKey(written: unknown): Reading<ReadKey> {
  if (!isMapping(written)) {
    const reading = keyText(written);
    return 'wrong' in reading ? reading : { value: { key: reading.value, weight: 1 } };
  }
  const isKnown = Object.keys(written).every((name) => ['key', 'file', 'weight'].includes(name));
  if (!isKnown || (written.key === undefined) === (written.file === undefined)) {
    return { wrong: 'is neither { key, weight } nor { file, weight }' };
  }
  const weight = share(written.weight ?? 1);
  if ('wrong' in weight) return { wrong: `has a weight that ${weight.wrong}` };
  const reading = written.key === undefined ? text(written.file) : keyText(written.key);
  if ('wrong' in reading) return reading;
  const name = written.key === undefined ? 'file' : 'key';
  return { value: { [name]: reading.value, weight: weight.value } };
}

/** A value that ends with its line: no other field, and no other request, can begin inside it. */
export const headerValue: Reader<string> = (written) => {
  const reading = text(written);
  if ('wrong' in reading) return { wrong: 'is not a text for a header', ...fixOf(reading) };
  const { value } = reading;
  return /^[!-~](?:[ -~]*[!-~])?$/.test(value)
    ? reading
    : { wrong: 'has characters that no header may have', fix: 'Write visible ASCII characters and blanks.' };
};

/** Goes into the query encoded, so that any text will do. */
export const queryValue: Reader<string> = text;

/** Fields that frame, route or describe what is sent: an own value would make two requests out of one, or none. */
const ownedFields: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with the name of a further header; undefined when nothing is. */
export function wrongHeaderName(name: string): string | undefined {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name)) return 'is not the name of a header';
  const lower = name.toLowerCase();
  if (lower.startsWith('x-throughline-')) return 'is a header of Throughline itself';
  if (ownedFields.has(lower)) return 'is a header that Throughline sets itself, or that no request keeps';
  return undefined;
}

/** `none` can be written so that `${HTTPS_PROXY:-none}` can. */
export const proxyAddress: Reader<ProviderProxy | 'none'> = (written) => {
  if (written === 'none') return { value: written };
  const fix = 'Write "http://host:port", with "user:password@" in front of the host when it asks for them.';
  const reading = text(written);
  if ('wrong' in reading) return { wrong: 'is not the address of a proxy', fix };
  const url = URL.canParse(reading.value) ? new URL(reading.value) : undefined;
  if (url?.protocol === 'https:' || url?.protocol.startsWith('socks')) {
    return { wrong: `is a proxy of a kind that is not spoken (${url.protocol})`, fix };
  }
  const isPlain = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
  if (!isPlain || url.protocol !== 'http:' || url.hostname === '') {
    return { wrong: 'is not the address of a proxy', fix };
  }
  const login = loginOf(url);
  if (login === null)
    return { wrong: 'has a user name or password with characters that it cannot have', fix };
  return { value: { origin: url.origin, ...(login === undefined ? {} : { authorization: login }) } };
};

/** Undefined = none, null = cannot be said. */
function loginOf({ username, password }: URL): string | undefined | null {
  if (username === '' && password === '') return undefined;
  try {
    const [user, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
    if (user.includes(':')) return null;
    return `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
  } catch {
    return null;
  }
}

/** The address of a proxy without user name and password. */
export function maskLogin(written: unknown): unknown {
  return typeof written === 'string' ? written.replace(/\/\/.*@/s, '//***@') : written;
}

function fixOf({ fix }: { readonly fix?: string }): { fix?: string } {
  return fix === undefined ? {} : { fix };
}
