import type { AccessConfig } from '#core-config';
import { type HeaderList, headerValues, type Problem } from '#exchange';

/** The ports we are reached through. May grow while it is used: a port is known when its listener is. */
export type OwnPorts = readonly number[] | ReadonlySet<number>;

/**
 * Refuses a request that was not meant for this address: a web page whose name was made to resolve to it, or
 * a client that was sent here by mistake.
 */
export function hostProblem(
  headers: HeaderList,
  ports: OwnPorts,
  access: Pick<AccessConfig, 'allowedHosts'>,
): Problem | undefined {
  const values = headerValues(headers, 'host');
  if (values.length !== 1) return { code: 'bad-host', detail: `${values.length} Host fields` };
  const host = parseHost(values[0]!);
  if (host === undefined) return { code: 'bad-host', detail: 'not a host name' };
  if (host.port !== undefined && !hasPort(ports, host.port) && !access.allowedHosts.includes(host.name)) {
    return { code: 'bad-host', detail: 'another port' };
  }
  if (access.allowedHosts.includes(host.name)) return undefined;
  if (!loopbackNames.has(host.name)) return { code: 'bad-host', detail: 'another name' };
  if (host.port === undefined && !hasPort(ports, httpPort))
    return { code: 'bad-host', detail: 'without its port' };
  return undefined;
}

const loopbackNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);
const httpPort = 80;

function hasPort(ports: OwnPorts, port: number): boolean {
  return 'has' in ports ? ports.has(port) : ports.includes(port);
}

function parseHost(value: string): { readonly name: string; readonly port: number | undefined } | undefined {
  if (value.length > hostLengthMax) return undefined;
  const match = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?$/.exec(
    value.toLowerCase(),
  );
  if (match === null) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  return port !== undefined && port > 65_535 ? undefined : { name: match[1]!, port };
}

const hostLengthMax = 260;
