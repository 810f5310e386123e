import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endProcess, makeTempDir, startNode, type TempDir, waitFor } from '#test-support';
import { openStore } from '../open-store.ts';
import type { Store } from '../store.ts';
import { exchangeToStore, literal, withProviderBodies } from '../testing/exchange-to-store.ts';
import { Connection } from './connection.ts';
import { type DatabaseKind, factsDatabase, type Migration, migrate, migrations } from './migrations.ts';

let directory: TempDir;
let path: string;
const opened: Store[] = [];

beforeEach(() => {
  directory = makeTempDir('store-open');
  path = directory.join('throughline.db');
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  directory.remove();
});

async function open(role: 'writer' | 'reader', engineVersion?: string): Promise<Store> {
  const store = await openStore(
    { engine: 'sqlite', path },
    { role, ...(engineVersion === undefined ? {} : { engineVersion }) },
  );
  opened.push(store);
  return store;
}

/** The kind of a program that knows one step more. */
function withStep(later: Migration): DatabaseKind {
  return { ...factsDatabase, migrations: [...migrations, later] };
}

describe('opening a SQLite store', () => {
  it('creates files that only their owner can read', async () => {
    await (await open('writer')).commit({ exchanges: [exchangeToStore(1)], positions: [] });
    const modes = readdirSync(directory.path).map((name) => [
      name,
      statSync(directory.join(name)).mode & 0o777,
    ]);
    expect(modes.sort()).toEqual([
      ['throughline.db', 0o600],
      ['throughline.db-shm', 0o600],
      ['throughline.db-wal', 0o600],
    ]);
  });

  it('takes the rights of others from a file that exists', async () => {
    await (await open('writer')).close();
    chmodSync(path, 0o644);
    await open('writer');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('lets a reader come first and create the schema', async () => {
    const reader = await open('reader');
    expect(await reader.lastSequence()).toBe(0);
    const writer = await open('writer');
    await writer.commit({ exchanges: [exchangeToStore(1)], positions: [] });
    expect(await reader.count({})).toBe(1);
    expect(await reader.health()).toMatchObject({
      engine: 'sqlite',
      location: path,
      exchanges: 1,
      schemaVersion: migrations.length,
    });
  });

  it('S7: works for 12 processes that open a new file at the same moment', async () => {
    const startFile = directory.join('start');
    const processes = Array.from({ length: 12 }, (_, n) =>
      startNode('src/store/testing/open-when-told.ts', [path, startFile, String(n)], { env: {}, input: '' }),
    );
    try {
      await waitFor(() => processes.every((child) => child.stdout().includes('waiting') || child.exit()), {
        timeoutMs: 50_000,
        what: 'the processes to start',
      });
      writeFileSync(startFile, '');
      const exits = await Promise.all(processes.map((child) => child.exited));
      expect(processes.map((child, n) => `${exits[n]?.code} ${child.stderr()}`)).toEqual(
        Array(12).fill('0 '),
      );
    } finally {
      await Promise.all(processes.map((child) => endProcess(child)));
    }
    const store = await open('reader');
    expect(await store.count({})).toBe(12);
    for await (const step of store.verify()) expect(step).toMatchObject({ kind: 'totals', damaged: 0 });
  }, 120_000);

  it('says which directory is missing', async () => {
    path = directory.join('absent', 'throughline.db');
    await expect(open('writer')).rejects.toMatchObject({
      code: 'missing',
      message: `Database path ${directory.join('absent')} does not exist. Create directory first.`,
    });
  });

  it('DUR-15: refuses a library that can damage a shared database', async () => {
    await expect(open('writer', '3.50.4')).rejects.toMatchObject({ code: 'unusable' });
    await expect(open('writer', '3.51.2')).rejects.toThrow('3.51.3');
    await open('writer', '3.51.3');
    await open('reader', '4.0');
  });

  it('refuses a schema that is newer than it knows', async () => {
    await (await open('writer')).close();
    const connection = new Connection(path, { readonly: false, busyTimeoutMs: 0 });
    migrate(connection, 0, withStep({ version: 99, name: 'later', sql: 'CREATE TABLE later (a)' }));
    connection.close();
    await expect(open('writer')).rejects.toMatchObject({ code: 'unusable' });
    await expect(open('reader')).rejects.toThrow('newer version');
  });

  it('refuses a schema step that is not the one it knows', async () => {
    await (await open('writer')).close();
    const connection = new Connection(path, { readonly: false, busyTimeoutMs: 0 });
    connection.run(`UPDATE migrations SET checksum = 'another'`);
    connection.close();
    await expect(open('writer')).rejects.toThrow('not the one this version knows');
  });

  it('reads a store from before the bodies at the end of the provider, and keeps such bodies in it', async () => {
    const first = await open('writer');
    await first.commit({ exchanges: [exchangeToStore(1)], positions: [] });
    await first.close();
    const old = new Connection(path, { readonly: false, busyTimeoutMs: 0 });
    old.execute(
      'DROP TABLE provider_bodies; DROP TABLE prunings; DROP INDEX exchanges_with_bodies; ALTER TABLE exchanges DROP COLUMN bodies_pruned_at_ms; DELETE FROM migrations WHERE version >= 3',
    );
    old.close();
    const item = withProviderBodies(exchangeToStore(2), [literal('sent')], [literal('answered')]);
    const writer = await open('writer');
    await writer.commit({ exchanges: [item], positions: [] });
    expect(await writer.health()).toMatchObject({ exchanges: 2, schemaVersion: migrations.length });
    for await (const step of writer.verify()) expect(step).toMatchObject({ bodies: 6, damaged: 0 });
  });

  it('goes forward from an older schema and keeps what is stored', async () => {
    const writer = await open('writer');
    await writer.commit({ exchanges: [exchangeToStore(1)], positions: [] });
    await writer.close();
    const connection = new Connection(path, { readonly: false, busyTimeoutMs: 0 });
    const later = {
      version: migrations.length + 1,
      name: 'later',
      sql: 'ALTER TABLE exchanges ADD COLUMN later TEXT',
    };
    migrate(connection, 0, withStep(later));
    migrate(connection, 0, withStep(later));
    expect(connection.all('SELECT count(*) AS count, max(later) AS later FROM exchanges', [])).toEqual([
      { count: 1, later: null },
    ]);
    connection.close();
  });

  it('leaves the database of another program alone', async () => {
    const other = new Database(path);
    other.exec('CREATE TABLE requests (id TEXT)');
    other.close();
    await expect(open('writer')).rejects.toMatchObject({ code: 'unusable' });
    const again = new Database(path);
    expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'requests' }]);
    again.close();
  });

  it('closes twice without complaint and refuses to work afterwards', async () => {
    const store = await open('writer');
    await store.close();
    await store.close();
    await expect(store.count({})).rejects.toMatchObject({ code: 'unusable' });
    await expect(store.commit({ exchanges: [], positions: [] })).rejects.toMatchObject({ code: 'unusable' });
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});
