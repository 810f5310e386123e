import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gap, JournalEntry } from '#exchange';
import { FaultyFs } from './faulty-fs.ts';
import {
  readWholeJournal,
  someExchangeId,
  someOpened,
  someTallies,
  testConfig,
  until,
} from './journal-fixture.ts';
import { systemFs } from './journal-fs.ts';
import type { ExchangeJournal, JournalWriter } from './journal-writer.ts';
import { openJournal } from './open-journal.ts';

let directory: string;
let writer: JournalWriter | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-faults-'));
});
afterEach(async () => {
  await writer?.close();
  writer = undefined;
  await rm(directory, { recursive: true, force: true });
});

const coreId = 'core-a';

function open(disk: FaultyFs, changes: Parameters<typeof testConfig>[1] = {}): Promise<JournalWriter> {
  return openJournal(testConfig(directory, changes), { coreId, fs: disk.fs, upkeepIntervalMs: 20 });
}

function begin(to: JournalWriter, number: number): ExchangeJournal {
  return to.open(someExchangeId(number), someOpened());
}

function end(log: ExchangeJournal): Promise<void> {
  return log.closed({ end: 'finished', ...someTallies() });
}

/** An exchange with bodies that can be told apart. */
async function record(to: JournalWriter, number: number, bodyBytes = 2000): Promise<void> {
  const log = begin(to, number);
  log.bytes('request', Buffer.alloc(bodyBytes, number));
  log.bytes('response', Buffer.alloc(100, number));
  await end(log);
}

interface Account {
  readonly kinds: string[];
  readonly bodyBytes: number;
  readonly gapBytes: number;
  readonly closed: Extract<JournalEntry, { kind: 'exchange-closed' }> | undefined;
}

/** What the journal says of one exchange; repeated frames count once, as for every reader. */
async function account(number: number): Promise<Account> {
  const { entries } = await readWholeJournal(directory, coreId);
  const seen = new Set<number>();
  const own = entries.filter((entry) => {
    if (entry.kind === 'segment-opened' || entry.exchangeId !== someExchangeId(number)) return false;
    if (seen.has(entry.sequence)) return false;
    seen.add(entry.sequence);
    return true;
  });
  let bodyBytes = 0;
  let gapBytes = 0;
  for (const entry of own) {
    if ('bytes' in entry) bodyBytes += entry.bytes.length;
    if (entry.kind === 'gap') gapBytes += entry.payload.bytes;
  }
  const closed = own.find((entry) => entry.kind === 'exchange-closed');
  return { kinds: own.map((entry) => entry.kind), bodyBytes, gapBytes, closed };
}

describe('one failing call', () => {
  it.each([
    ['EIO', false],
    ['EIO', true],
    ['ENOSPC', false],
    ['ENOSPC', true],
  ])(
    'DUR-10: %s at any call (half written: %s) loses nothing uncounted, and the next exchanges are recorded',
    async (code, writesHalf) => {
      const session = async (failing: number): Promise<number> => {
        await rm(directory, { recursive: true, force: true });
        const disk = new FaultyFs();
        disk.writesHalf = writesHalf;
        disk.decide = (_, call) => (call === failing ? code : undefined);
        // Small segments and the ballast make every kind of call happen.
        const to = await open(disk, { segmentBytesMax: 5000, ballastBytes: 1024, durability: 'power' });
        for (let number = 1; number <= 4; number += 1) await record(to, number);
        await until(() => to.state().healthy);
        await record(to, 5);
        await to.close();
        for (let number = 1; number <= 5; number += 1) {
          const { bodyBytes, gapBytes, closed, kinds } = await account(number);
          expect(bodyBytes + gapBytes).toBe(2100);
          expect(closed?.payload).toMatchObject({ end: 'finished' });
          expect(kinds[0]).toBe('exchange-opened');
        }
        return disk.calls;
      };
      const calls = await session(-1);
      expect(calls).toBeGreaterThan(20);
      for (let failing = 0; failing < calls; failing += 1) await session(failing);
    },
  );
});

describe('closing', () => {
  it('is over for everybody who asks only when everything is sealed', async () => {
    const disk = new FaultyFs();
    const to = await open(disk, { fsyncIntervalMs: 60_000 });
    await record(to, 1);
    const first = to.close();
    await to.close();
    expect(disk.log).toContain('fdatasync');
    await first;
  });
});

describe('a full disk', () => {
  it('DUR-02: drops bodies, keeps heads and ends, and counts every missing byte', async () => {
    const disk = new FaultyFs();
    writer = await open(disk, { ballastBytes: 64 * 1024 });
    await until(() => existsSync(join(directory, 'ballast')));
    await record(writer, 1);
    // The disk takes single frames of heads, but no bodies.
    disk.decide = (operation) =>
      operation === 'writev' && !disk.log.includes('unlink') ? 'ENOSPC' : undefined;
    await record(writer, 2);
    expect(writer.state()).toMatchObject({ healthy: false, bytesDropped: { 'disk-full': 2100 } });
    expect(writer.state().trouble).toMatch(/full/);
    expect(existsSync(join(directory, 'ballast'))).toBe(false);
    const second = await account(2);
    expect(second).toMatchObject({ bodyBytes: 0, gapBytes: 2100 });
    expect(second.closed?.payload).toMatchObject({ requestBytesDropped: 2000, responseBytesDropped: 100 });

    disk.decide = () => undefined;
    await until(() => writer!.state().healthy);
    await record(writer, 3);
    expect(await account(3)).toMatchObject({ bodyBytes: 2100, gapBytes: 0 });
    await until(() => existsSync(join(directory, 'ballast')));
    expect(await account(1)).toMatchObject({ bodyBytes: 2100 });
  });

  it('DUR-02: a body that begins before and goes on after has its gap in the middle', async () => {
    const disk = new FaultyFs();
    writer = await open(disk);
    const log = begin(writer, 1);
    log.bytes('response', Buffer.from('before '));
    await until(() => writer!.state().pendingBytes === 0);
    let failures = 2;
    disk.decide = (operation) => (operation === 'writev' && failures-- > 0 ? 'ENOSPC' : undefined);
    log.bytes('response', Buffer.from('during '));
    await until(() => writer!.state().bytesDropped['disk-full'] === 7);
    disk.decide = () => undefined;
    await until(() => writer!.state().healthy);
    log.bytes('response', Buffer.from('after'));
    await end(log);
    const { entries } = await readWholeJournal(directory, coreId);
    const story = entries.flatMap((entry) => {
      if (entry.kind === 'gap') return [`(${entry.payload.reason} ${entry.payload.bytes})`];
      return 'bytes' in entry ? [Buffer.from(entry.bytes).toString()] : [];
    });
    expect(story).toEqual(['before ', '(disk-full 7)', 'after']);
    expect(log.dropped('response')).toBe(7);
    expect(log.dropped('request')).toBe(0);
  });
});

describe('a directory that cannot be written', () => {
  it('CR-09: lets every exchange end at once and records again as soon as it can', async () => {
    const blocked = join(directory, 'blocked');
    await writeFile(blocked, 'a file where the directory should be');
    const config = { ...testConfig(directory), directory: blocked };
    writer = await openJournal(config, { coreId, upkeepIntervalMs: 20 });
    expect(writer.state().healthy).toBe(false);
    expect(writer.state().trouble).toMatch(/ENOTDIR|EEXIST/);
    await record(writer, 1);
    await record(writer, 2);
    await rm(blocked);
    await until(() => writer!.state().healthy);
    const { entries } = await readWholeJournal(blocked, coreId);
    expect(entries.filter((entry) => entry.kind === 'exchange-closed')).toHaveLength(2);
  });

  it('CR-09: names the cause and the cure when it is read-only', async () => {
    const disk = new FaultyFs();
    disk.decide = (operation) => (operation === 'create' || operation === 'mkdir' ? 'EACCES' : undefined);
    writer = await open(disk);
    expect(writer.state().trouble).toMatch(/EACCES.*writable/);
    await record(writer, 1);
    disk.decide = () => undefined;
    await until(() => writer!.state().healthy);
    expect(await account(1)).toMatchObject({ bodyBytes: 2100 });
  });

  it('keeps a bound on what waits while nothing can be written', async () => {
    const disk = new FaultyFs();
    disk.decide = (operation) => (operation === 'create' ? 'EIO' : undefined);
    writer = await open(disk, { pendingBytesMax: 100_000 });
    const log = begin(writer, 1);
    for (let i = 0; i < 100; i += 1) log.bytes('request', Buffer.alloc(10_000));
    expect(writer.state().pendingBytes).toBeLessThanOrEqual(100_000);
    await end(log);
    expect(log.dropped('request')).toBe(writer.state().bytesDropped['write-failed']);
    disk.decide = () => undefined;
    await until(() => writer!.state().pendingBytes === 0);
    const found = await account(1);
    expect(found.bodyBytes + found.gapBytes).toBe(1_000_000);
  });
});

describe('a directory that disappears while it is used', () => {
  it('DUR-18: is made again with what the open segment held, and recording goes on', async () => {
    writer = await open(new FaultyFs());
    await record(writer, 1);
    const log = begin(writer, 2);
    log.bytes('request', Buffer.from('half of it'));
    await until(() => writer!.state().pendingBytes === 0);
    // All at once: deleted file by file, it could be made again before it is gone.
    await rename(directory, `${directory}-gone`);
    await rm(`${directory}-gone`, { recursive: true });
    await until(() => writer!.state().segments === 2);
    log.bytes('request', Buffer.from(' and the rest'));
    await end(log);
    expect(await account(1)).toMatchObject({ bodyBytes: 2100, gapBytes: 0 });
    expect(await account(2)).toMatchObject({ bodyBytes: 23, gapBytes: 0 });
  });

  it('DUR-18: says again how an open exchange began, and counts what sealed segments took with them', async () => {
    writer = await open(new FaultyFs(), { segmentBytesMax: 1000 });
    const log = begin(writer, 2);
    log.bytes('request', Buffer.alloc(5000, 1));
    await until(() => writer!.state().pendingBytes === 0);
    log.bytes('request', Buffer.alloc(300, 2));
    await until(() => writer!.state().segments === 2 && writer!.state().pendingBytes === 0);
    await rename(directory, `${directory}-moved`);
    await until(() => writer!.state().writeErrors > 0);
    await until(() => existsSync(join(directory, coreId, '00000003.seg')));
    await end(log);
    await rm(`${directory}-moved`, { recursive: true });
    expect(await account(2)).toMatchObject({ bodyBytes: 300, gapBytes: 5000 });
    expect((await account(2)).kinds).toContain('exchange-opened');
    expect((await account(2)).closed?.payload.requestBytesDropped).toBe(5000);
  });
});

describe('bounds', () => {
  it('keeps only the allowed part of a body and tells of the rest in one gap', async () => {
    writer = await open(new FaultyFs(), { bodyBytesMax: 1500 });
    const log = begin(writer, 1);
    for (let i = 0; i < 10; i += 1) log.bytes('request', Buffer.alloc(1000, i));
    await end(log);
    const gaps = (await readWholeJournal(directory, coreId)).entries.filter((entry) => entry.kind === 'gap');
    const payloads: Gap[] = gaps.map((gap) => gap.payload);
    expect(payloads).toEqual([{ side: 'request', bytes: 8500, reason: 'body-limit' }]);
    expect(await account(1)).toMatchObject({ bodyBytes: 1500 });
    expect(writer.state()).toMatchObject({ bodiesDropped: 1, bytesDropped: { 'body-limit': 8500 } });
  });

  it('drops bodies, not heads, while the disk is slower than the traffic', async () => {
    const disk = new FaultyFs();
    writer = await open(disk, { pendingBytesMax: 50_000 });
    const log = begin(writer, 1);
    for (let i = 0; i < 100; i += 1) log.bytes('response', Buffer.alloc(1000));
    await end(log);
    const found = await account(1);
    expect(found.bodyBytes).toBeGreaterThan(40_000);
    expect(found.bodyBytes + found.gapBytes).toBe(100_000);
    expect(found.kinds.at(-1)).toBe('exchange-closed');
    expect(writer.state().bytesDropped).toEqual({ 'pending-limit': found.gapBytes });
  });

  it('goes on to the next segment when one is full', async () => {
    writer = await open(new FaultyFs(), { segmentBytesMax: 10_000 });
    for (let number = 1; number <= 20; number += 1) await record(writer, number);
    const names = (await readdir(join(directory, coreId))).sort();
    expect(names.slice(0, 2)).toEqual(['00000001.seg', '00000002.seg']);
    expect(names.length).toBeGreaterThan(3);
    for (let number = 1; number <= 20; number += 1) expect((await account(number)).bodyBytes).toBe(2100);
  });

  it('goes on to the next segment when one is old, unless it is empty', async () => {
    writer = await open(new FaultyFs(), { segmentAgeMsMax: 1 });
    await record(writer, 1);
    await until(() => writer!.state().segments >= 2);
    const segments = writer.state().segments;
    await record(writer, 2);
    expect(writer.state().segments).toBeLessThanOrEqual(segments + 1);
    expect((await account(2)).bodyBytes).toBe(2100);
  });
});

describe('a disk that does not answer', () => {
  it('holds up no exchange for longer than a few seconds, and records again when it answers', async () => {
    const disk = new FaultyFs();
    let skippedUs = 0;
    const clock = { startedAtMs: 0, nowUs: () => performance.now() * 1000 + skippedUs };
    const options = { coreId, fs: disk.fs, clock, upkeepIntervalMs: 20 };
    writer = await openJournal(testConfig(directory), options);
    const release = Promise.withResolvers<void>();
    const { writev } = disk.fs;
    disk.fs.writev = async (fd, pieces) => {
      await release.promise;
      return writev(fd, pieces);
    };
    const first = record(writer, 1);
    await until(() => writer!.state().pendingBytes > 0);
    await new Promise((resolve) => setImmediate(resolve));
    skippedUs = 6_000_000;
    await first;
    expect(writer.state().trouble).toMatch(/does not answer/);
    await record(writer, 2);
    release.resolve();
    await until(() => writer!.state().healthy && writer!.state().pendingBytes === 0);
    expect((await account(1)).bodyBytes + (await account(2)).bodyBytes).toBe(4200);
  });
});

describe('permissions', () => {
  it('lets nobody else read the journal', async () => {
    const { stat } = await import('node:fs/promises');
    writer = await open(new FaultyFs());
    await record(writer, 1);
    expect((await stat(join(directory, coreId))).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, coreId, '00000001.seg'))).mode & 0o777).toBe(0o600);
  });

  it('does not write through a link that somebody laid in its way', async () => {
    await mkdir(join(directory, coreId), { recursive: true });
    await chmod(directory, 0o700);
    await writeFile(join(directory, 'victim'), 'precious');
    const { symlink, readFile } = await import('node:fs/promises');
    await symlink(join(directory, 'victim'), join(directory, coreId, '00000001.seg'));
    writer = await open(new FaultyFs());
    await record(writer, 1);
    expect(await readFile(join(directory, 'victim'), 'utf8')).toBe('precious');
    expect((await account(1)).bodyBytes).toBe(2100);
  });
});

describe('a disk that takes writes and does not sync', () => {
  it('is told of until it does again, also without traffic, and no segment is made in vain', async () => {
    const disk = new FaultyFs();
    let nowUs = 0;
    const clock = { startedAtMs: 0, nowUs: () => nowUs };
    const options = { coreId, fs: disk.fs, clock, upkeepIntervalMs: 20 };
    writer = await openJournal(testConfig(directory, { fsyncIntervalMs: 5 }), options);
    await until(() => writer!.state().unsyncedBytes === 0);
    disk.decide = (operation) => (operation === 'fdatasync' ? 'EIO' : undefined);
    await record(writer, 1);
    await until(() => !writer!.state().healthy);
    expect(writer.state().trouble).toMatch(/does not sync \(EIO\).*Check the disk/);
    // The second one has nothing but its beginning, and stays.
    await until(() => writer!.state().segments === 2);
    const calls = disk.calls;
    await until(() => disk.calls > calls + 20);
    expect(writer.state().segments).toBe(2);
    disk.decide = () => undefined;
    nowUs = 6_000_000;
    await until(() => writer!.state().healthy);
    await record(writer, 2);
    expect((await account(1)).bodyBytes + (await account(2)).bodyBytes).toBe(4200);
  });
});

describe('power durability', () => {
  it('ends an exchange only after a sync that covers its end', async () => {
    const disk = new FaultyFs();
    writer = await open(disk, { durability: 'power' });
    const release = Promise.withResolvers<void>();
    const { fdatasync } = systemFs;
    disk.fs.fdatasync = async (fd) => {
      await release.promise;
      await fdatasync(fd);
    };
    let hasEnded = false;
    const ended = record(writer, 1).then(() => {
      hasEnded = true;
    });
    await until(() => writer!.state().pendingBytes === 0 && writer!.state().framesWritten >= 4);
    expect(hasEnded).toBe(false);
    release.resolve();
    await ended;
  });

  it('does not sync a segment again whose sync failed, and goes on in another one', async () => {
    const disk = new FaultyFs();
    writer = await open(disk, { durability: 'power' });
    let failures = 1;
    disk.decide = (operation) => (operation === 'fdatasync' && failures-- > 0 ? 'EIO' : undefined);
    await record(writer, 1);
    await record(writer, 2);
    expect(writer.state().segments).toBe(2);
    expect(writer.state().writeErrors).toBe(1);
    expect((await account(1)).bodyBytes + (await account(2)).bodyBytes).toBe(4200);
  });
});
