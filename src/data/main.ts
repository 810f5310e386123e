import type { DataConfig } from '#config';
import {
  type DrainReason,
  listenOn,
  onDrain,
  onStop,
  prepareProcess,
  receiveStartOrder,
  reportFailed,
  reportReady,
  type StartOrder,
} from '#generation';
import { openStore } from '#store';
import { entranceRules } from './entrance-rules.ts';
import { createLog } from './log.ts';
import { createDataServer } from './server.ts';
import { startThreads } from './threads.ts';

/** How long answers that are being given may take when the service leaves, and when another one serves already. */
const drainMs = { stop: 5_000, replaced: 24 * 60 * 60 * 1000 };

prepareProcess();
await start().catch(async (error: unknown) => {
  const sentence = `proxy-data cannot start: ${error instanceof Error ? error.message : String(error)}`;
  await reportFailed(sentence);
  process.exit(1);
});

async function start(): Promise<void> {
  const order = await receiveStartOrder();
  // The supervisor and this program are of one release; the configuration was checked when it was loaded.
  const config = order.config as DataConfig;
  const log = createLog(config.logLevel);
  const ports = new Set([...config.ports, ...order.listeners.map((slot) => slot.port)]);
  process.on('uncaughtException', (error) => {
    // The supervisor starts another one; going on after a bug could answer with wrong data.
    log.fatal({ err: error }, 'a bug ended the service');
    process.exit(1);
  });
  const data = createDataServer({
    config,
    version: order.version,
    rules: entranceRules(config.access, ports),
    openStore: () => openStore(config.store, { role: 'reader' }),
    // Before anything is listened to: an upgrade may replace the files of the programs afterwards.
    threads: await startThreads(config, log),
    log,
  });

  const leave = async (reason: DrainReason): Promise<void> => {
    log.info({ reason }, 'leaving');
    await data.drain(drainMs[reason], { keepsIdle: reason === 'replaced' });
    process.exit(0);
  };
  onDrain((reason) => void leave(reason));
  onStop(() => process.exit(0));

  const addresses = await listenEverywhere(order, () => data.createServer());
  for (const { port } of addresses) ports.add(port);
  reportReady(addresses);
  log.info({ addresses, generation: order.generation }, 'ready');
}

function listenEverywhere(order: StartOrder, createServer: () => Parameters<typeof listenOn>[0]) {
  return Promise.all(order.listeners.map((slot) => listenOn(createServer(), slot)));
}
