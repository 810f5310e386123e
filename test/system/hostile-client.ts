import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRaw, type Throughline, waitFor } from '#test-support';

/** The three addresses that are open to everybody on this machine, by the name of who listens. */
export function addressesOf({ frontUrl, coreUrl, dataUrl }: Throughline): Record<Address, string> {
  return { front: frontUrl, core: coreUrl, data: dataUrl };
}

export type Address = 'front' | 'core' | 'data';

/** Sends bytes as they are and gives the status of the first answer; 0 when the connection ended without one. */
export async function rawStatus(url: string, bytes: string, method = 'GET'): Promise<number> {
  const client = await openRaw(url);
  try {
    client.send(bytes, method);
    return await waitFor(
      () => client.answers[0]?.status ?? (client.ended === undefined ? undefined : 'ended'),
      { what: () => `an answer to ${JSON.stringify(bytes.slice(0, 120))}` },
    ).then((status) => (status === 'ended' ? 0 : status));
  } finally {
    client.close();
  }
}

/** `127.0.0.1:port` of a URL, as it stands in `Host`. */
export function hostOf(url: string): string {
  return new URL(url).host;
}

export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

/** Every regular file below a directory. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Value of a metric of core without labels; 0 when it has not been counted yet. */
export async function coreMetric(coreUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${coreUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** Begins to measure the peak of a process's memory anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Highest resident memory since `forgetPeak`. */
export function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

/** What the resident memory of a process consists of now, in words: its own pages, and those of its program file. */
export function memoryNow(pid: number): string {
  const kinds = readFileSync(`/proc/${pid}/status`, 'latin1').matchAll(/Rss(\w+):\s+(\d+)/g);
  return [...kinds].map(([, kind, kB]) => `${kind} ${(Number(kB) / 1024).toFixed(0)} MiB`).join(', ');
}
