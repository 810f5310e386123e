import { createHmac } from 'node:crypto';
import type { HeaderList } from '#exchange';

/**
 * Replaces credentials in a header list by fingerprints; names, order and all other values stay. The same secret
 * under the same key always gives the same fingerprint, so two requests can be compared without the secret.
 * @param key the install secret (`<dataDir>/secret`)
 */
export function fingerprintHeaders(headers: HeaderList, key: string): HeaderList {
  const safe: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1] ?? '';
    safe.push(
      name,
      isCredentialName(name) ? fingerprintValue(name, value, key) : fingerprintKeysIn(value, key),
    );
  }
  return safe;
}

/** Replaces credentials in the query of a request target, and keys of well-known formats anywhere in it. */
export function fingerprintTarget(target: string, key: string): string {
  const mark = target.indexOf('?');
  if (mark < 0) return fingerprintKeysIn(target, key);
  const parameters = target.slice(mark + 1).split('&');
  const safe = parameters.map((parameter) => fingerprintParameter(parameter, key));
  return `${fingerprintKeysIn(target.slice(0, mark), key)}?${safe.join('&')}`;
}

function fingerprintParameter(parameter: string, key: string): string {
  const equals = parameter.indexOf('=');
  if (equals < 0) return fingerprintKeysIn(parameter, key);
  const name = decoded(parameter.slice(0, equals));
  const value = parameter.slice(equals + 1);
  const isSecret = isCredentialName(name) || credentialParameters.has(name.toLowerCase());
  const safe = isSecret ? fingerprintFor(name, value, key) : fingerprintKeysIn(value, key);
  return `${parameter.slice(0, equals)}=${safe}`;
}

const credentialParameters = new Set(['key', 'sig', 'signature', 'password', 'code', 'credential']);

const credentialNames = new Set([
  'authorization',
  'proxy-authorization',
  'authentication',
  'cookie',
  'set-cookie',
  'x-throughline-token',
]);
/** A word of the name says that the value is a credential: `x-goog-api-key`, `x-auth-token`, `client_secret`. */
const credentialWord =
  /(?:^|[-_.])(?:api[-_]?key|apikey|access[-_]?key|auth|auth[-_]?key|token|secret|password|passwd|credentials?|jwt|bearer|signature)(?:$|[-_.])|(?:token|secret|password|apikey|authorization)$|(?:^|[-_.])key$/;
/** … unless it speaks about one: a count, a limit, a kind. Plural `tokens` are counted tokens everywhere. */
const harmlessName =
  /^(?:www-authenticate|proxy-authenticate|authentication-info)$|token[-_](?:count|limit|type|budget|usage)|max[-_]token$|(?:idempotency|cache|surrogate|websocket|routing|partition|sort|public|trace)[-_]key$/;

const knownNames = new Map<string, boolean>();
const knownNamesMax = 512;
const rememberedNameMax = 64;

function isCredentialName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const isCredential =
    credentialNames.has(lower) || (credentialWord.test(lower) && !harmlessName.test(lower));
  if (name.length <= rememberedNameMax) remember(knownNames, name, isCredential, knownNamesMax);
  return isCredential;
}

/** Keeps the scheme word of an `Authorization` value. A cookie is one secret as a whole. */
function fingerprintValue(name: string, value: string, key: string): string {
  const scheme = /^(?:bearer|basic|token|apikey|digest|negotiate|aws4-hmac-sha256) +/i.exec(value)?.[0];
  if (scheme === undefined) return fingerprintFor(name, value, key);
  return scheme + fingerprintFor(scheme, value.slice(scheme.length), key);
}

/** The end of a random key tells nothing; the end of a password or of a cookie may be half of it. */
function fingerprintFor(name: string, secret: string, key: string): string {
  const fingerprint = fingerprintOf(secret, key);
  return /cookie|passw|^basic|^digest/i.test(name) ? fingerprint.slice(0, fingerprintLength) : fingerprint;
}

/** Of `fp:` and 12 hexadecimal digits. */
const fingerprintLength = 15;

/** Keys that can be told by their looks, wherever they stand. No alternative can fail after a long match. */
const keyFormats =
  /\b(?:sk|pk|rk|xai|gsk|hf|r8)[-_][A-Za-z0-9_-]{12,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeoprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}|\bAIza[\w-]{30,}|\bya29\.[\w.-]{16,}|\beyJ[\w-]{17,}(?:\.[\w-]+)*/g;
const bearer = /\b(bearer|basic) +([A-Za-z0-9._~+/=-]{8,})/gi;

/** Values in which no credential was found: most headers of a client are the same in every request. */
const harmlessValues = new Set<string>();
const harmlessValuesMax = 512;
const rememberedValueMax = 256;

function fingerprintKeysIn(value: string, key: string): string {
  if (value.length < shortestKey || harmlessValues.has(value)) return value;
  const safe = replaceKeys(value, key);
  if (safe === value && value.length <= rememberedValueMax) {
    if (harmlessValues.size >= harmlessValuesMax) harmlessValues.clear();
    harmlessValues.add(value);
  }
  return safe;
}

function replaceKeys(value: string, key: string): string {
  const safe = value.replace(keyFormats, (secret) => fingerprintOf(secret, key));
  if (!/bearer|basic/i.test(safe)) return safe;
  return safe.replace(bearer, (_, scheme: string, secret: string) => {
    return `${scheme} ${secret.startsWith('fp:') ? secret : fingerprintFor(scheme, secret, key)}`;
  });
}

const shortestKey = 14;

const knownFingerprints = new Map<string, string>();
const knownFingerprintsMax = 1024;
/** Longer values are not worth remembering, and would make the bound meaningless. */
const rememberedLengthMax = 1024;

/** `fp:<12 hex>`, and the last four characters of a secret that is long enough to spare them. */
function fingerprintOf(secret: string, key: string): string {
  if (secret === '') return '';
  const cacheKey = `${key}\n${secret}`;
  const known = knownFingerprints.get(cacheKey);
  if (known !== undefined) return known;
  const digest = createHmac('sha256', key).update(secret, 'latin1').digest('hex').slice(0, 12);
  const fingerprint = secret.length < 16 ? `fp:${digest}` : `fp:${digest}…${secret.slice(-4)}`;
  if (secret.length <= rememberedLengthMax)
    remember(knownFingerprints, cacheKey, fingerprint, knownFingerprintsMax);
  return fingerprint;
}

function remember<T>(map: Map<string, T>, name: string, value: T, max: number): void {
  // The oldest goes: a Map remembers the order of insertion.
  if (map.size >= max) map.delete(map.keys().next().value!);
  map.set(name, value);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
