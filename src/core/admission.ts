import { readFileSync } from 'node:fs';

/** Descriptors kept for the journal, listeners, IPC and connections that wait for an answer. */
const reserved = 256;

/** Exchanges that may be open at once: each needs a descriptor towards the client and one towards the provider. */
export function exchangesMax(descriptorsMax: number): number {
  return Math.max(8, Math.floor((descriptorsMax - reserved) / 2));
}

/** Connections that may be open at once; the rest of the descriptors is for connections to providers. */
export function connectionsMax(descriptorsMax: number): number {
  return Math.max(16, descriptorsMax - Math.floor(reserved / 2) - exchangesMax(descriptorsMax));
}

/** Soft limit of open files of this process; a careful guess where it cannot be read. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
    if (soft === 'unlimited') return 1_048_576;
    if (soft !== undefined) return Number(soft);
  } catch {
    // Not Linux.
  }
  return 4_096;
}
