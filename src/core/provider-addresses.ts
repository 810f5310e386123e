import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Where the name of one provider leads. */
export interface ProviderAddresses {
  /** For the options of a connection. */
  readonly lookup: LookupFunction;
  /** A connection to this address stands: it is tried first from now on. */
  worked(address: string | undefined): void;
}

type Callback = Parameters<LookupFunction>[2];

/**
 * Asks the system once for all connections that wait for the same name: the system looks up few names at a time, and
 * with a slow name server connections would wait for each other's questions longer than they may. Keeps no answer, so
 * that an address that moved is found at once.
 */
export function createProviderAddresses(lookup: LookupFunction = systemLookup): ProviderAddresses {
  const waiting = new Map<string, Callback[]>();
  let preferred: string | undefined;

  function ask(hostname: string, options: LookupOptions, callback: Callback): void {
    const key = JSON.stringify([hostname, options]);
    const others = waiting.get(key);
    if (others !== undefined) {
      others.push(callback);
      return;
    }
    const callbacks = [callback];
    waiting.set(key, callbacks);
    lookup(hostname, options, (error, found, family) => {
      waiting.delete(key);
      const addresses = Array.isArray(found) ? preferredFirst(found, preferred) : found;
      for (const each of callbacks) each(error, addresses, family);
    });
  }

  return {
    lookup: ask,
    worked(address) {
      preferred = address;
    },
  };
}

function preferredFirst(addresses: LookupAddress[], preferred: string | undefined): LookupAddress[] {
  const isPreferred = ({ address }: LookupAddress): boolean => address === preferred;
  return [...addresses.filter(isPreferred), ...addresses.filter((one) => !isPreferred(one))];
}
