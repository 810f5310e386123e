import type { CoreConfig } from '#core-config';
import {
  onDrain,
  onStop,
  prepareProcess,
  receiveStartOrder,
  reportDraining,
  reportFailed,
  reportReady,
} from '#generation';
import { createLog } from './log.ts';
import { startCore } from './start-core.ts';

/** The program: one generation of proxy-core. Everything it will ever need is loaded before it listens. */

prepareProcess();
const log = createLog();
try {
  const order = await receiveStartOrder();
  // The supervisor resolved it; startCore checks the version.
  const core = await startCore({ ...order, config: order.config as CoreConfig }, { log });
  process.on('uncaughtException', core.noteUncaught);
  process.on('unhandledRejection', core.noteUncaught);
  const leave = (): void => process.exit(0);
  onDrain(() => {
    log.info('draining', { open: core.openExchanges() });
    reportDraining(core.openExchanges());
    core.drain().then(leave, leave);
  });
  onStop(() => void core.stop().then(leave, leave));
  reportReady(core.addresses);
  for (const { purpose, host, port } of core.addresses) log.info(`${purpose} listens`, { host, port });
} catch (error) {
  log.error('core cannot start', { error: String(error) });
  await reportFailed(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
