import type { AccessConfig } from '#core-config';
import { type HeaderList, headerValue, headerValues, type Problem } from '#exchange';

/** `v1` is forwarded and spends money; `api` is ours and shows what was recorded. */
export type Area = 'v1' | 'api';

/**
 * Keeps web pages of other sites out. Programs send neither `Origin` nor `Sec-Fetch-Site`; browsers cannot leave
 * them out of a request that could do harm.
 *
 * On `v1` any origin must be allowed by name. On `api` our own dashboard may call too; what changes something
 * must then also be JSON and carry `x-throughline-request: 1`, which no form and no image can send.
 */
export function originProblem(
  headers: HeaderList,
  method: string,
  area: Area,
  access: Pick<AccessConfig, 'allowedOrigins'>,
): Problem | undefined {
  const origins = headerValues(headers, 'origin');
  const site = headerValue(headers, 'sec-fetch-site');
  if (origins.length > 1) return foreign('several Origin fields');
  const origin = origins[0];
  const isAllowed = origin !== undefined && access.allowedOrigins.includes(origin);
  if (area === 'v1') return v1Problem(origin, site, isAllowed);
  // Not any Sec-Fetch field: Node's own fetch sends Sec-Fetch-Mode.
  const isFromBrowser = origin !== undefined || site !== undefined;
  const foreigner = isAllowed ? undefined : foreignPage(headers, origin, site, method);
  if (foreigner !== undefined) return foreigner;
  return isSafe(method) ? undefined : changeProblem(headers, isFromBrowser);
}

function v1Problem(
  origin: string | undefined,
  site: string | undefined,
  isAllowed: boolean,
): Problem | undefined {
  if (isAllowed) return undefined;
  if (origin !== undefined) return foreign('an Origin that is not allowed');
  // An image or a navigation carries no Origin, but says where it comes from.
  return site === undefined || site === 'none' || site === 'same-origin'
    ? undefined
    : foreign('Sec-Fetch-Site');
}

function foreignPage(
  headers: HeaderList,
  origin: string | undefined,
  site: string | undefined,
  method: string,
): Problem | undefined {
  if (origin !== undefined && !isOwnOrigin(headers, origin)) return foreign('an Origin that is not allowed');
  if (site === undefined || site === 'same-origin') return undefined;
  // `none`: typed into the address bar. Reading is fine then; nobody types a change.
  if (site === 'none' && isSafe(method)) return undefined;
  if (isNavigation(headers, method)) return undefined;
  return foreign('Sec-Fetch-Site');
}

/** A link from elsewhere may open the dashboard: the other site sees nothing of it. */
function isNavigation(headers: HeaderList, method: string): boolean {
  return (
    isSafe(method) &&
    headerValue(headers, 'sec-fetch-mode') === 'navigate' &&
    headerValue(headers, 'sec-fetch-dest') === 'document'
  );
}

function changeProblem(headers: HeaderList, isFromBrowser: boolean): Problem | undefined {
  const type = headerValue(headers, 'content-type');
  if (type !== undefined && !/^application\/json[ \t]*(?:;|$)/i.test(type)) {
    return foreign('changes are sent as application/json');
  }
  if (type === undefined && hasBody(headers)) return foreign('changes are sent as application/json');
  if (!isFromBrowser) return undefined;
  return headerValue(headers, 'x-throughline-request') === '1'
    ? undefined
    : foreign('without x-throughline-request');
}

function hasBody(headers: HeaderList): boolean {
  const length = headerValue(headers, 'content-length');
  return headerValue(headers, 'transfer-encoding') !== undefined || (length !== undefined && length !== '0');
}

/** The Host was checked before: it is one of ours. */
function isOwnOrigin(headers: HeaderList, origin: string): boolean {
  const host = headerValue(headers, 'host')?.toLowerCase();
  return host !== undefined && origin === `http://${host}`;
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

function foreign(detail: string): Problem {
  return { code: 'foreign-origin', detail };
}
