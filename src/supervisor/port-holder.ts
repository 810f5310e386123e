import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes whose descriptors are looked at; a machine with more keeps its secret. */
const processesMax = 20_000;
const listening = '0A';

/** The process that listens on a TCP port, as far as /proc lets this user see; undefined otherwise. */
export function portHolder(port: number): { readonly pid: number; readonly name: string } | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of processIds()) {
    if (holdsOneOf(pid, inodes)) return { pid, name: processName(pid) };
  }
  return undefined;
}

function listeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readText(table).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === listening && inode !== undefined && local?.endsWith(suffix)) inodes.add(inode);
    }
  }
  return inodes;
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .slice(0, processesMax)
      .map(Number);
  } catch {
    return [];
  }
}

function holdsOneOf(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    // Another user's process, or one that just ended.
    return false;
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function processName(pid: number): string {
  return (
    readText(`/proc/${pid}/comm`)
      .trim()
      .replace(/[^\x20-\x7e]/g, '?') || 'an unnamed program'
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
