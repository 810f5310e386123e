/** Test program: a service that only says what it hears. It ends when it is told to stop. */
import { onDrain, onStop, prepareProcess, receiveStartOrder, reportFailed, reportReady } from './index.ts';

prepareProcess();
try {
  const order = await receiveStartOrder();
  process.stderr.write(`order ${JSON.stringify(order.config)}\n`);
  const alive = setInterval(() => {}, 1000);
  onDrain((reason) => {
    process.stderr.write(reason === 'stop' ? 'drain\n' : `drain, ${reason}\n`);
    if (process.argv[2] === 'leaves') clearInterval(alive);
  });
  onStop(() => {
    process.stderr.write('stop\n');
    process.exit(0);
  });
  reportReady([]);
} catch (error) {
  await reportFailed((error as Error).message);
  process.exitCode = 1;
}
