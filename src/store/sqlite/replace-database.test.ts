import { existsSync, renameSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '#test-support';
import type { DerivedStore } from '../derived/derived-store.ts';
import { besideStore, openDerivedStore, promoteReplacement } from '../open-store.ts';
import { Connection } from './connection.ts';

let directory: TempDir;
const opened: { close(): Promise<void> | void }[] = [];
const config = () => ({ engine: 'sqlite', path: directory.join('throughline.db') }) as const;
const path = () => besideStore(config(), 'derived');

beforeEach(() => {
  directory = makeTempDir('replace-database');
});
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
  directory.remove();
});

async function open(options: Parameters<typeof openDerivedStore>[1]): Promise<DerivedStore> {
  const store = await openDerivedStore(config(), options);
  opened.push(store);
  return store;
}

/** A replacement that is derived as `name`, complete and closed. */
async function replacement(name: string): Promise<void> {
  const next = await openDerivedStore(config(), { role: 'writer', isReplacement: true });
  await next.beginDerivation(name);
  await next.close();
}

function damage(): unknown {
  const connection = new Connection(path(), { readonly: true, busyTimeoutMs: 1_000 });
  try {
    return connection.pragma('quick_check(1)');
  } finally {
    connection.close();
  }
}

describe('a replacement', () => {
  it('meets no foreign log, also when readers open the database while it takes its place', async () => {
    const writer = await open({ role: 'writer' });
    await writer.beginDerivation('derivation 0');
    for (let number = 1; number <= 5; number += 1) {
      await replacement(`derivation ${number}`);
      const earlier = await open({ role: 'reader' });
      let between: DerivedStore | undefined;
      await promoteReplacement(config(), {
        beforeRename: async () => {
          expect(existsSync(`${path()}-wal`)).toBe(false);
          between = await open({ role: 'reader' });
          expect(await between.derivation()).toBe(`derivation ${number - 1}`);
        },
      });
      await expect(earlier.derivation()).rejects.toMatchObject({ code: 'moved' });
      await expect(between!.derivation()).rejects.toMatchObject({ code: 'moved' });
      await expect(between!.askForRebuild()).rejects.toMatchObject({ code: 'moved' });
      const later = await open({ role: 'writer' });
      expect(await later.derivation()).toBe(`derivation ${number}`);
      // Written beside readers of the old file, and still there when they leave.
      await later.text.haveForgottenFiles(number, false);
      await between!.close();
      await earlier.close();
      expect(await later.position('forgotten-files')).toBe(number);
      expect(damage()).toBe('ok');
      await later.close();
    }
  });

  it('waits while somebody reads what it replaces, because the log cannot be emptied then', async () => {
    const writer = await open({ role: 'writer' });
    await writer.beginDerivation('old');
    const reader = new Connection(path(), { readonly: true, busyTimeoutMs: 0 });
    opened.push(reader);
    reader.run('BEGIN');
    reader.all('SELECT * FROM marks', []);
    await writer.beginDerivation('older');
    await replacement('new');
    await expect(promoteReplacement(config())).rejects.toMatchObject({ code: 'busy' });
    expect(await writer.derivation()).toBe('older');
    reader.run('COMMIT');
    await promoteReplacement(config());
    expect(await (await open({ role: 'reader' })).derivation()).toBe('new');
  });

  it('that comes while the old file is being opened is noticed, and opened instead', async () => {
    await (await open({ role: 'writer' })).beginDerivation('old');
    await opened.pop()!.close();
    await replacement('new');
    let looks = 0;
    const reader = await open({
      role: 'reader',
      now: () => {
        looks += 1;
        // The first look is before the file is opened, the second one when its tables are looked at.
        if (looks === 2) {
          for (const end of ['-shm', '-wal']) rmSync(`${path()}${end}`, { force: true });
          renameSync(`${path()}.next`, path());
        }
        return 0;
      },
    });
    expect(looks).toBeGreaterThan(2);
    expect(await reader.derivation()).toBe('new');
  });
});
