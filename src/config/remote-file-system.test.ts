import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatConfigProblem } from './config-problem.ts';
import { type FileSystemReaders, remoteFileSystem } from './remote-file-system.ts';
import { makeTestPlace, type TestPlace } from './testing/load-text.ts';

let place: TestPlace;
beforeEach(() => {
  place = makeTestPlace();
});
afterEach(() => place[Symbol.dispose]());

const ext4 = 0xef53;
const nfs = 0x6969;
const fuse = 0x65735546;

/** A machine where everything at and below `path` has this type. */
function machine(path: string, type: number, mounts = ''): FileSystemReaders {
  return {
    typeAt: async (asked) => (asked === path || asked.startsWith(`${path}/`) ? type : ext4),
    mounts: async () => mounts,
  };
}

const mount = (at: string, type: string): string => `60 24 0:41 / ${at} rw,nosuid shared:7 - ${type} x rw`;

describe('a data directory on a file system that others serve', () => {
  it.each([
    ['NFS', nfs],
    ['SMB', 0xfe534d42],
    ['CIFS', 0xff534d42],
    ['9p', 0x01021997],
    ['Ceph', 0x00c36400],
  ])('DUR-19: is refused on %s, with a way out', async (name, type) => {
    const dataDir = place.dir.join('mounted/data');
    mkdirSync(dataDir, { recursive: true });
    const fileSystems = machine(place.dir.join('mounted'), type);
    const result = await place.load(undefined, { env: { DATA_DIR: dataDir }, fileSystems });
    expect(result.ok ? [] : result.problems.map(formatConfigProblem)).toEqual([
      `✖ E1012 The data directory ${dataDir} lies on a network or shared file system (${name}), where journal and database are not safe\n` +
        '  Set DATA_DIR to a directory on a local disk of this machine.',
    ]);
  });

  it('DUR-19: is refused before it exists', async () => {
    const fileSystems = machine(place.dir.join('home'), nfs);
    const result = await place.load(undefined, { fileSystems });
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'E1012' }] });
  });

  it('DUR-19: is refused for the database alone, at the key or variable that names it', async () => {
    const directory = place.dir.join('mounted');
    mkdirSync(directory);
    const fileSystems = machine(directory, nfs);
    const byKey = await place.load(`storage:\n  db_path: ${directory}/a.db\n`, { fileSystems });
    expect(byKey).toMatchObject({ ok: false, problems: [{ code: 'E1012', line: 2 }] });
    const env = { DB_PATH: `${directory}/a.db` };
    const byVariable = await place.load(undefined, { env, fileSystems });
    expect(byVariable).toMatchObject({ ok: false, problems: [{ code: 'E1012', file: 'environment' }] });
    expect(!byVariable.ok && byVariable.problems[0]?.sentence).toContain('DB_PATH');
  });
});

describe('what is behind FUSE', () => {
  const at = (type: string) => {
    const mountPoint = place.dir.join('a b');
    mkdirSync(mountPoint, { recursive: true });
    const escaped = mountPoint.replaceAll(' ', '\\040');
    const mounts = [mount('/', 'ext4'), mount(escaped, 'tmpfs'), mount(escaped, type), ''].join('\n');
    return remoteFileSystem(`${mountPoint}/not/there/yet`, machine(mountPoint, fuse, mounts));
  };

  it.each(['fuse.sshfs', 'fuse.rclone', 'fuse.s3fs', 'virtiofs', 'fuse'])(
    'DUR-19: %s is refused',
    async (type) => expect(await at(type)).toBe(type),
  );

  it.each(['fuseblk', 'fuse.gocryptfs', 'fuse.fuse-overlayfs'])(
    '%s keeps its files on this machine',
    async (type) => expect(await at(type)).toBeUndefined(),
  );

  it('is refused when the system does not tell what it is', async () => {
    expect(await remoteFileSystem('/', machine('/', fuse))).toBe('fuse');
  });
});

it.each([
  ['ext4', ext4],
  ['overlay', 0x794c7630],
  ['tmpfs', 0x01021994],
  ['btrfs', 0x9123683e],
  ['XFS', 0x58465342],
  ['ZFS', 0x2fc12fc1],
])('a data directory on %s is fine', async (_, type) => {
  expect(await remoteFileSystem('/', machine('/', type))).toBeUndefined();
});

it('a file system whose type cannot be read is left to SQLite', async () => {
  const typeAt = () => Promise.reject(new Error('no statfs here'));
  expect(await remoteFileSystem('/', { typeAt, mounts: async () => '' })).toBeUndefined();
});
