import { readFile, realpath, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What is asked of the system about a place; replaced where a test has no such file system to mount. */
export interface FileSystemReaders {
  /** The type number of statfs(2). */
  typeAt(path: string): Promise<number>;
  /** The table of proc_pid_mountinfo(5). */
  mounts(): Promise<string>;
}

const systemReaders: FileSystemReaders = {
  typeAt: async (path) => (await statfs(path)).type,
  mounts: () => readFile('/proc/self/mountinfo', 'utf8'),
};

/**
 * The name of the file system at this path when several processes cannot safely share a database and locks on it:
 * one that another machine or a host serves. Undefined for a local one, and where the platform cannot tell; SQLite
 * itself refuses what has no shared memory.
 * @param path need not exist; then its nearest directory that does is looked at
 */
export async function remoteFileSystem(
  path: string,
  readers: FileSystemReaders = systemReaders,
): Promise<string | undefined> {
  // The numbers are Linux's own.
  if (process.platform !== 'linux') return undefined;
  const place = await nearestExisting(path);
  const type = await readers.typeAt(place).catch(() => undefined);
  if (type === undefined) return undefined;
  if (type !== fuseType) return remoteTypes.get(type);
  const name = mountedAs(place, await readers.mounts().catch(() => '')) ?? 'fuse';
  return localFuse.has(name) ? undefined : name;
}

/** From the kernel's linux/magic.h and the sources of what lies outside it. */
const remoteTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x7c7c6673, 'prl_fs'],
]);

const fuseType = 0x65735546;

/** Behind FUSE may be anything. These keep their files on disks of this machine. */
const localFuse: ReadonlySet<string> = new Set([
  'fuseblk',
  'fuse.bindfs',
  'fuse.cryfs',
  'fuse.encfs',
  'fuse.fuse-overlayfs',
  'fuse.gocryptfs',
  'fuse.mergerfs',
]);

async function nearestExisting(path: string): Promise<string> {
  for (let place = path; ; place = dirname(place)) {
    const real = await realpath(place).catch(() => undefined);
    if (real !== undefined) return real;
    if (place === dirname(place)) return place;
  }
}

/** The type with which the mount above this place is listed: the longest one, and of equal ones the last. */
function mountedAs(place: string, mounts: string): string | undefined {
  let longest = -1;
  let found: string | undefined;
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = unescaped(before.split(' ')[4] ?? '');
    const isAbove = mountPoint === '/' || place === mountPoint || place.startsWith(`${mountPoint}/`);
    if (mountPoint === '' || !isAbove || mountPoint.length < longest) continue;
    longest = mountPoint.length;
    found = after.split(' ')[0];
  }
  return found;
}

/** Space, tab, line feed and backslash stand as octal numbers in the table. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
