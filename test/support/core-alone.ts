import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CoreConfig, CoreProvider } from '#core-config';
import type { FromService, StartOrder, ToService, WorkerPlace } from '#generation';
import { endProcess, type OwnProcess, projectDirectory, startNode } from './child-process.ts';
import { makeTempHome, type TempHome } from './temp-home.ts';
import { waitFor } from './wait-for.ts';

export interface CoreAloneOptions {
  /** Origin of the provider, for example of a fake one. */
  readonly providerOrigin: string;
  readonly provider?: Partial<CoreProvider>;
  /** Replaces single keys of the configuration, one level deep. */
  readonly config?: CoreConfigPatch;
  /** Address families and purposes to listen on; default `core` on 127.0.0.1. */
  readonly listeners?: readonly { readonly purpose: string; readonly host: string }[];
  readonly home?: TempHome;
  /** Which of several workers it is; default the only one. */
  readonly worker?: WorkerPlace;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
  /** Program to start instead of the one in this tree. */
  readonly program?: string;
}

type CoreConfigPatch = {
  readonly [Key in keyof CoreConfig]?: NonNullable<CoreConfig[Key]> extends readonly unknown[]
    ? CoreConfig[Key]
    : Partial<CoreConfig[Key]>;
};

/** proxy-core as a child process of its own, without recorder and proxy-data. */
export interface CoreAlone {
  /** `http://127.0.0.1:port` of the first listener. */
  readonly url: string;
  readonly urls: readonly string[];
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  readonly journalDirectory: string;
  readonly config: CoreConfig;
  readonly process: OwnProcess;
  /** Messages that core sent, in order. */
  readonly reports: readonly FromService[];
  logs(): string;
  send(message: ToService): void;
  /** Ends it: SIGTERM, then SIGKILL. Idempotent; also removes the temporary home it made. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startCoreAlone(options: CoreAloneOptions): Promise<CoreAlone> {
  const home = options.home ?? makeTempHome('core');
  const config = coreConfig(home.dataDir, options);
  mkdirSync(config.journal.directory, { recursive: true, mode: 0o700 });
  const listeners = (options.listeners ?? [{ purpose: 'core', host: '127.0.0.1' }]).map((slot) => ({
    ...slot,
    port: 0,
  }));
  const order: StartOrder = {
    service: 'core',
    generation: 1,
    version: '0.0.0-test',
    listeners,
    config,
    ...(options.worker === undefined ? {} : { worker: options.worker }),
  };
  const owned = startNode(options.program ?? join(projectDirectory, 'src/core/main.ts'), [], {
    env: { ...home.env, ...options.env },
    input: 'ipc',
    ...(options.nodeArguments === undefined ? {} : { nodeArguments: options.nodeArguments }),
  });
  const reports: FromService[] = [];
  owned.child.on('message', (message) => reports.push(message as FromService));
  const send = (message: ToService): void => {
    if (owned.child.connected) owned.child.send(message);
  };
  send({ type: 'start', order });
  const ready = await waitForReady(owned, reports);
  const urls = ready.addresses.map(
    ({ host, port }) => `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  const end = async (): Promise<void> => {
    if (options.home === undefined) home.remove();
  };
  const stop = async (): Promise<void> => {
    await endProcess(owned);
    await end();
  };
  return {
    url: urls[0]!,
    urls,
    port: ready.addresses[0]!.port,
    pid: owned.pid,
    dataDir: home.dataDir,
    journalDirectory: config.journal.directory,
    config,
    process: owned,
    reports,
    logs: owned.stderr,
    send,
    stop,
    kill: async () => {
      owned.child.kill('SIGKILL');
      await owned.exited;
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function waitForReady(
  owned: OwnProcess,
  reports: readonly FromService[],
): Promise<FromService & { type: 'ready' }> {
  const story = (): string => `core to be ready; it said:\n${owned.stdout()}${owned.stderr()}`;
  try {
    return await waitFor(
      () => {
        const failed = reports.find((report) => report.type === 'failed');
        if (failed !== undefined || owned.exit() !== undefined) return 'gone' as const;
        return reports.find((report) => report.type === 'ready');
      },
      { timeoutMs: 20_000, what: story },
    ).then((ready) => {
      if (ready === 'gone')
        throw new Error(`core did not start: ${JSON.stringify(reports)}\n${owned.stderr()}`);
      return ready;
    });
  } catch (error) {
    owned.child.kill('SIGKILL');
    throw error;
  }
}

function coreConfig(dataDir: string, options: CoreAloneOptions): CoreConfig {
  const patch = options.config ?? {};
  return {
    version: 1,
    dataDir,
    journal: {
      directory: join(dataDir, 'journal'),
      pendingBytesMax: 64 * 1024 * 1024,
      segmentBytesMax: 64 * 1024 * 1024,
      segmentAgeMsMax: 600_000,
      durability: 'process',
      fsyncIntervalMs: 100,
      quotaBytes: 2_000_000_000,
      ballastBytes: 0,
      bodyBytesMax: 256 * 1024 * 1024,
      ...patch.journal,
    },
    limits: {
      headBytesMax: 64 * 1024,
      headerFieldsMax: 200,
      requestBytesMax: 0,
      pipedRequestsMax: 16,
      ...patch.limits,
    },
    timeouts: {
      clientHeadMs: 15_000,
      clientBodyIdleMs: 600_000,
      keepAliveMs: 75_000,
      upstreamConnectMs: 10_000,
      upstreamFirstByteMs: 900_000,
      upstreamIdleMs: 600_000,
      drainMs: 5_000,
      ...patch.timeouts,
    },
    access: {
      allowedHosts: [],
      allowedOrigins: [],
      tokenRequired: false,
      token: 'test-token-0123456789abcdef',
      checkPeerUser: true,
      ...patch.access,
    },
    providers: patch.providers ?? [
      {
        name: 'anthropic',
        format: 'anthropic',
        origin: options.providerOrigin,
        basePath: '',
        ...options.provider,
      },
    ],
    defaultProvider: patch.defaultProvider ?? 'anthropic',
    ...(patch.routes === undefined ? {} : { routes: patch.routes }),
    ...(patch.claudeDirs === undefined ? {} : { claudeDirs: patch.claudeDirs }),
    ...(patch.dataAddress === undefined
      ? {}
      : { dataAddress: { host: '127.0.0.1', port: 0, ...patch.dataAddress } }),
  };
}
