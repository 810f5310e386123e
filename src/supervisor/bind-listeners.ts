import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListeningAddress } from '#generation';
import { type ActivatedSocket, divideListeners } from './activated-listeners.ts';
import { type BoundAddress, bindAddress } from './bind-address.ts';
import { portHolder } from './port-holder.ts';
import { SupervisorError } from './supervisor-options.ts';

export interface BoundListener extends BoundAddress {
  readonly purpose: string;
}

export interface BoundListeners {
  readonly bound: readonly BoundListener[];
  /** Sentences about addresses that this machine does not have. */
  readonly notices: readonly string[];
}

/** Long enough for the remains of a killed supervisor to let go, short enough to answer within a second. */
const patienceMs = 500;
const portTriesMax = 20;

/**
 * Binds every address once. Port 0 is chosen by the system, the same for all addresses of one purpose. All or
 * nothing: rejects with a `SupervisorError` and closes everything when an address is taken, and never takes
 * another one instead. Sockets that a service manager passed are used for the addresses they have. Only `::1` may be missing, on a machine without IPv6.
 */
export async function bindListeners(
  wanted: readonly ListeningAddress[],
  activated: readonly ActivatedSocket[] = [],
): Promise<BoundListeners> {
  const bound: BoundListener[] = [];
  const notices: string[] = [];
  try {
    for (const purpose of new Set(wanted.map((listener) => listener.purpose))) {
      const addresses = await expandNames(wanted.filter((listener) => listener.purpose === purpose));
      const { taken, missing } = divideListeners(addresses, activated);
      bound.push(...taken);
      if (missing.length > 0) bound.push(...(await bindPurpose(missing, notices)));
    }
    for (const { fd, host, port } of activated)
      if (!bound.some((listener) => listener.fd === fd))
        notices.push(
          `A socket at ${host}:${port} was passed to this process, and no setting has that address.`,
        );
    return { bound, notices };
  } catch (error) {
    for (const listener of bound) listener.close();
    throw error;
  }
}

async function bindPurpose(
  addresses: readonly ListeningAddress[],
  notices: string[],
): Promise<BoundListener[]> {
  const deadline = Date.now() + patienceMs;
  for (let tries = 1; ; tries += 1) {
    try {
      return bindTogether(addresses, notices);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const isChosenBySystem = addresses.every((address) => address.port === 0);
      const mayTryAgain =
        code === 'EADDRINUSE' && (isChosenBySystem ? tries < portTriesMax : Date.now() < deadline);
      if (!mayTryAgain) throw asSupervisorError(error as BindFailure);
      if (!isChosenBySystem) await sleep(25);
    }
  }
}

type BindFailure = NodeJS.ErrnoException & { readonly address?: ListeningAddress };

/** One try at all addresses of one purpose; closes what it bound when one of them fails. */
function bindTogether(addresses: readonly ListeningAddress[], notices: string[]): BoundListener[] {
  const bound: BoundListener[] = [];
  const chosenPorts = new Map<number, number>();
  for (const address of addresses) {
    const port = address.port === 0 ? (chosenPorts.get(0) ?? 0) : address.port;
    try {
      const one = bindAddress(address.host, port);
      chosenPorts.set(address.port, one.port);
      bound.push({ ...one, purpose: address.purpose });
    } catch (error) {
      if (isMissingIPv6(error, address) && addresses.length > 1) {
        notices.push(`This machine has no ${address.host}, so ${address.purpose} is served without it.`);
        continue;
      }
      for (const one of bound) one.close();
      throw Object.assign(error as Error, { address });
    }
  }
  return bound;
}

function isMissingIPv6(error: unknown, address: ListeningAddress): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return address.host === '::1' && ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(code);
}

function asSupervisorError(error: BindFailure): Error {
  const { address, code } = error;
  if (address === undefined) return error;
  const where = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  if (code === 'EADDRINUSE') {
    const holder = portHolder(address.port);
    const by = holder === undefined ? 'another program' : `${holder.name} (pid ${holder.pid})`;
    return new SupervisorError(
      'address-taken',
      `${where} (${address.purpose}) is used by ${by}. Stop it, or choose another port in the configuration.`,
      { cause: error },
    );
  }
  const reason =
    code === 'EACCES'
      ? 'may not be used without more rights'
      : code === 'EADDRNOTAVAIL'
        ? 'is not an address of this machine'
        : `cannot be bound (${code})`;
  return new SupervisorError(
    'address-unusable',
    `${where} (${address.purpose}) ${reason}. Choose another one in the configuration.`,
    { cause: error },
  );
}

/** `localhost` means both families; other names mean what the resolver says. */
async function expandNames(addresses: readonly ListeningAddress[]): Promise<ListeningAddress[]> {
  const expanded: ListeningAddress[] = [];
  for (const address of addresses) {
    for (const host of await hostsOf(address)) {
      const isKnown = expanded.some((other) => other.host === host && other.port === address.port);
      if (!isKnown) expanded.push({ ...address, host });
    }
  }
  return expanded;
}

async function hostsOf(address: ListeningAddress): Promise<string[]> {
  if (address.host === 'localhost') return ['127.0.0.1', '::1'];
  if (isIP(address.host) !== 0) return [address.host];
  try {
    return (await lookup(address.host, { all: true })).map((found) => found.address);
  } catch (error) {
    throw new SupervisorError(
      'address-unusable',
      `the host name ${address.host} (${address.purpose}) is unknown. Use an IP address or localhost.`,
      { cause: error },
    );
  }
}
