import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from './wait-for.ts';

/** A control group of its own that may take only so much memory, page cache included. Needs the rights of root. */
export interface MemoryCgroup {
  /** Starts what follows it inside the group; see `SpawnOptions`. */
  readonly launcher: readonly string[];
  /** Processes in it. */
  pids(): number[];
  /** How often the kernel killed a process of the group because its memory ran out. */
  oomKills(): number;
  /** The most that it took, in MiB. */
  peakMiB(): number;
  /** Waits until the processes in it are gone. */
  remove(): Promise<void>;
}

export function createMemoryCgroup(limitBytes: number): MemoryCgroup {
  const kind = isVersion1() ? version1 : version2;
  const path = join(kind.parent(), `throughline-test-${process.pid}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(path);
  for (const [name, value] of kind.limits(limitBytes)) {
    // Without swap accounting in the kernel there is no such file, and nothing to limit.
    if (existsSync(join(path, name))) writeFileSync(join(path, name), value);
  }
  const read = (name: string): string => readFileSync(join(path, name), 'utf8');
  return {
    launcher: ['/bin/sh', '-c', `echo $$ > '${join(path, 'cgroup.procs')}' && exec "$@"`, 'sh'],
    pids: () => read('cgroup.procs').split('\n').filter(Boolean).map(Number),
    oomKills: () => Number(/^oom_kill (\d+)$/m.exec(read(kind.events))?.[1] ?? Number.NaN),
    peakMiB: () => Number(read(kind.peak)) / (1024 * 1024),
    async remove() {
      await waitFor(() => read('cgroup.procs') === '', { what: 'the control group to be empty' });
      rmdirSync(path);
    },
  };
}

interface CgroupKind {
  /** The directory to make a group in. */
  parent(): string;
  limits(bytes: number): readonly (readonly [file: string, value: string])[];
  readonly events: string;
  readonly peak: string;
}

const version1: CgroupKind = {
  parent: () => join(mountPoint('cgroup', 'memory')!, ownPath('memory')),
  limits: (bytes) => [
    ['memory.limit_in_bytes', String(bytes)],
    ['memory.memsw.limit_in_bytes', String(bytes)],
  ],
  events: 'memory.oom_control',
  peak: 'memory.max_usage_in_bytes',
};

const version2: CgroupKind = {
  parent() {
    const root = mountPoint('cgroup2');
    if (root === undefined) throw new Error('this test needs a control group for memory: none is mounted');
    // A group that has processes of its own cannot limit groups below it; the next one above that has none can.
    for (let path = join(root, ownPath('')); ; path = dirname(path)) {
      if (readFileSync(join(path, 'cgroup.subtree_control'), 'utf8').includes('memory')) return path;
      if (path === root) break;
    }
    throw new Error('this test limits memory: run it where a control group may have "memory" below it');
  },
  limits: (bytes) => [
    ['memory.max', String(bytes)],
    ['memory.swap.max', '0'],
  ],
  events: 'memory.events',
  peak: 'memory.peak',
};

function isVersion1(): boolean {
  return mountPoint('cgroup', 'memory') !== undefined;
}

/** @param controller of version 1; part of the options of its mount */
function mountPoint(type: string, controller?: string): string | undefined {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const found = lines
    .map((line) => line.split(' '))
    .find(
      ([, , ofType, options = '']) =>
        ofType === type && (controller === undefined || options.split(',').includes(controller)),
    );
  return found?.[1];
}

/** The group of this process, from the mount point on. @param controller empty for version 2 */
function ownPath(controller: string): string {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  const found = lines
    .map((line) => line.split(':'))
    .find(([, controllers = '']) => controllers.split(',').includes(controller));
  return found?.[2] ?? '/';
}
