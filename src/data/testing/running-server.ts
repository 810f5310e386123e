import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { DataConfig } from '#config';
import type { RecorderStatus } from '#exchange';
import { type ExchangeToStore, openStore, type Store } from '#store';
import type { EntranceRules } from '../entrance.ts';
import { createDataServer, type DataServer } from '../server.ts';
import { type DataThreads, startThreads } from '../threads.ts';

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  readonly databasePath: string;
  /** The recorder's hand on the store. */
  readonly writer: Store;
  readonly server: DataServer;
  /** With `hasThreads`. */
  readonly threads: DataThreads | undefined;
  /** What the log says, one object for each line. */
  readonly logged: Record<string, unknown>[];
  store(...exchanges: ExchangeToStore[]): Promise<void>;
  /** What the recorder writes about itself; `atMs` is now unless it is given. */
  recorderSays(status: { state: RecorderStatus['state']; atMs?: number; trouble?: string }): Promise<void>;
  get(path: string, init?: RequestInit): Promise<Response>;
  json(path: string, init?: RequestInit): Promise<unknown>;
}

const openRules: EntranceRules = { allowedOrigins: [], judge: () => undefined, judgeTarget: () => undefined };

/** A data server over a real store in a directory of its own. Dispose of it. */
export async function runServer({
  rules = openRules,
  shown = {},
  claudeDirs = [],
  routing = { providers: [], defaultProvider: 'anthropic', routes: [] },
  hasThreads = false,
  transcripts = { roots: [], keepsDeleted: true },
}: {
  rules?: EntranceRules;
  shown?: Record<string, unknown>;
  claudeDirs?: readonly string[];
  routing?: DataConfig['routing'];
  /** Also what is derived, which costs a test some time to start. */
  hasThreads?: boolean;
  transcripts?: DataConfig['transcripts'];
} = {}): Promise<RunningServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-data-'));
  const databasePath = join(dataDir, 'throughline.db');
  const storeConfig = { engine: 'sqlite', path: databasePath } as const;
  const writer = await openStore(storeConfig, { role: 'writer' });
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const threads = hasThreads
    ? await startThreads({ dataDir, store: storeConfig, transcripts, prices: [] }, log)
    : undefined;
  const server = createDataServer({
    config: { dataDir, claudeDirs, shown, routing, store: storeConfig },
    version: '1.2.3',
    rules,
    openStore: () => openStore(storeConfig, { role: 'reader' }),
    threads,
    log,
  });
  const url = await listen(server.createServer());
  const get = (path: string, init?: RequestInit) => fetch(url + path, init);

  return {
    url,
    dataDir,
    databasePath,
    writer,
    server,
    threads,
    logged,
    get,
    json: async (path, init) => (await get(path, init)).json(),
    store: async (...exchanges) => {
      await writer.commit({ exchanges, positions: [] });
    },
    async recorderSays(status) {
      await mkdir(join(dataDir, 'status'), { recursive: true });
      const counters = { lagMs: 5, lagBytes: 6, exchangesStored: 1, openExchanges: 0 };
      const text = JSON.stringify({ version: 1, atMs: Date.now(), ...status, ...counters });
      await writeFile(join(dataDir, 'status', 'recorder.json'), text);
    },
    async [Symbol.asyncDispose]() {
      await server.drain(100);
      await writer.close().catch(() => undefined);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}
