import pino from 'pino';
import type { RecorderConfig } from '#config';
import { onDrain, onStop, prepareProcess, receiveStartOrder, reportFailed, reportReady } from '#generation';
import { runRecorder } from './index.ts';

prepareProcess();
const log = pino({ base: { service: 'recorder' } }, pino.destination({ fd: 2, sync: true }));

try {
  const order = await receiveStartOrder();
  const config = order.config as RecorderConfig; // Checked by the program that sent it.
  log.level = config.logLevel;
  const drain = new AbortController();
  const stop = new AbortController();
  onDrain(() => drain.abort());
  onStop(() => stop.abort());
  await runRecorder(config, {
    log,
    drain: drain.signal,
    stop: stop.signal,
    isReplacement: order.isReplacement === true,
    onReady: () => reportReady([]),
  });
  process.exitCode = 0;
} catch (error) {
  const sentence = error instanceof Error ? error.message : String(error);
  log.fatal({ err: error }, sentence);
  await reportFailed(sentence);
  process.exitCode = 1;
}
// Sockets and timers of a store that did not close must not keep the process.
process.exit();
