import type { CoreConfig } from '#core-config';
import {
  onDrain,
  onStop,
  prepareProcess,
  receiveStartOrder,
  reportDraining,
  reportFailed,
  reportReady,
  reportTainted,
} from '#generation';
import { createLog } from './log.ts';
import { startCore } from './start-core.ts';
import { watchHeap } from './taint.ts';

/** The program: one generation of proxy-core. Everything it will ever need is loaded before it listens. */

prepareProcess();
const log = createLog();
try {
  const order = await receiveStartOrder();
  // The supervisor resolved it; startCore checks the version.
  const core = await startCore({ ...order, config: order.config as CoreConfig }, { log });
  const taint = (error: unknown): void => {
    core.noteUncaught(error);
    // What runs goes on to its end, but nobody knows what else the error left behind.
    reportTainted(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  };
  process.on('uncaughtException', taint);
  process.on('unhandledRejection', taint);
  watchHeap((cause) => {
    log.warn('nearly out of memory', { cause });
    reportTainted(cause);
  });
  const leave = (): void => process.exit(0);
  onDrain((reason) => {
    log.info('draining', { reason, open: core.openExchanges() });
    tellWhatIsOpen(core.openExchanges);
    core.drain(reason).then(leave, leave);
  });
  onStop(() => void core.stop().then(leave, leave));
  reportReady(core.addresses);
  for (const { purpose, host, port } of core.addresses) log.info(`${purpose} listens`, { host, port });
} catch (error) {
  log.error('core cannot start', { error: String(error) });
  await reportFailed(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** Tells the supervisor how many exchanges a drain waits for, now and whenever the number has changed. */
function tellWhatIsOpen(openExchanges: () => number): void {
  let told = openExchanges();
  reportDraining(told);
  const look = (): void => {
    const open = openExchanges();
    if (open === told) return;
    told = open;
    reportDraining(open);
  };
  setInterval(look, 250).unref();
}
