import { isAbsolute } from 'node:path';
import type { ListeningAddress } from '#generation';
import { listenDrops } from './listen-drops.ts';
import type { Replacement } from './run-state.ts';
import type { ServiceRun } from './service-run.ts';
import { type Release, type ServiceName, workersMax } from './supervisor-options.ts';

/** What a control command asks for. */
export interface ReplaceRequest {
  readonly services: readonly ServiceName[];
  /** What to run instead; services that are not named go on with the program they run. */
  readonly releases?: Readonly<Partial<Record<ServiceName, Release>>>;
  /** The listeners of the new configuration; they must be those of the old one. */
  readonly listeners?: readonly ListeningAddress[];
  /** Limits a stop from now on. */
  readonly drainMs?: number;
}

/** What came of it. */
export interface Receipt {
  readonly v: 1;
  readonly ok: boolean;
  readonly services: readonly (Replacement & { readonly service: ServiceName })[];
  /** Connections that the kernel of this machine turned away meanwhile; null where it does not tell. */
  readonly connectionsRefused: number | null;
  readonly tookMs: number;
}

/** What touches traffic goes last, when the rest has shown that the release works. */
const order: readonly ServiceName[] = ['recorder', 'data', 'core'];

/** Replaces one service after the other and stops at the first that cannot be. Never rejects. */
export async function replaceServices(
  services: readonly ServiceRun[],
  request: ReplaceRequest,
): Promise<Receipt> {
  const startedAtMs = performance.now();
  const dropsBefore = listenDrops();
  const receipts: Receipt['services'][number][] = [];
  for (const name of order) {
    const service = services.find((one) => one.service === name);
    if (service === undefined || !request.services.includes(name)) continue;
    const replacement = await service.replace(request.releases?.[name] ?? service.release);
    receipts.push({ service: name, ...replacement });
    if (!replacement.ok) break;
  }
  const dropsAfter = listenDrops();
  const isCounted = dropsBefore !== undefined && dropsAfter !== undefined;
  return {
    v: 1,
    ok: receipts.every(({ ok }) => ok),
    services: receipts,
    connectionsRefused: isCounted ? dropsAfter - dropsBefore : null,
    tookMs: Math.round(performance.now() - startedAtMs),
  };
}

/** Reads a request that came over the control socket; a text says what is wrong with it. */
export function parseReplaceRequest(value: Readonly<Record<string, unknown>>): ReplaceRequest | string {
  const { services, releases, listeners, drainMs } = value;
  if (!Array.isArray(services) || services.length === 0 || !services.every(isServiceName))
    return 'services must be a list of core, recorder and data';
  if (releases !== undefined && !isReleases(releases))
    return 'releases must be {service: {program, version, config, node?, nodeOptions?, workers?}}';
  if (listeners !== undefined && !(Array.isArray(listeners) && listeners.every(isAddress)))
    return 'listeners must be a list of {purpose, host, port}';
  if (drainMs !== undefined && !(Number.isSafeInteger(drainMs) && Number(drainMs) >= 0))
    return 'drainMs must be a whole number of milliseconds';
  return value as unknown as ReplaceRequest;
}

function isServiceName(value: unknown): value is ServiceName {
  return order.includes(value as ServiceName);
}

function isReleases(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, release]) => isServiceName(name) && isRelease(release));
}

function isRelease(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { program, version, node, nodeOptions = [], workers = 1 } = value as Record<string, unknown>;
  const hasOptions = Array.isArray(nodeOptions) && nodeOptions.every((one) => typeof one === 'string');
  const hasNode = node === undefined || (typeof node === 'string' && isAbsolute(node));
  const isCount = Number.isInteger(workers) && Number(workers) >= 1 && Number(workers) <= workersMax;
  return typeof program === 'string' && typeof version === 'string' && hasOptions && hasNode && isCount;
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { purpose, host, port } = value as Record<string, unknown>;
  return typeof purpose === 'string' && typeof host === 'string' && Number.isInteger(port);
}

/**
 * Why the listeners of a new configuration cannot be had, in words: the sockets are bound once and stay. Undefined
 * when nothing would change.
 */
export function changedListeners(
  bound: readonly ListeningAddress[],
  wanted: readonly ListeningAddress[],
): string | undefined {
  const spoken = ({ purpose, host, port }: ListeningAddress) => `${purpose} ${host}:${port}`;
  const [before, after] = [new Set(bound.map(spoken)), new Set(wanted.map(spoken))];
  const gone = [...before].filter((one) => !after.has(one));
  const come = [...after].filter((one) => !before.has(one));
  if (gone.length + come.length === 0) return undefined;
  const change = [...gone.map((one) => `without ${one}`), ...come.map((one) => `with ${one}`)].join(', ');
  return `the listening addresses would change (${change}): that needs a stop and a start, nothing was changed`;
}
