/**
 * Test program: takes the lock given as argument again and again. While it has the lock it checks that nobody
 * else does, then leaves it behind as a dead process would, and goes on until it had it often enough.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireProcessLock } from './process-lock.ts';

const [path = '', rounds = '0'] = process.argv.slice(2);
for (let had = 0; had < Number(rounds); ) {
  const result = await acquireProcessLock(path);
  if (result.kind === 'taken') {
    await sleep(1);
    continue;
  }
  had += 1;
  // Fails when somebody else is inside.
  closeSync(openSync(`${path}.inside`, 'wx'));
  await sleep(1);
  rmSync(`${path}.inside`);
  const left = { ...JSON.parse(readFileSync(path, 'utf8')), startToken: 'of a process that is gone' };
  writeFileSync(`${path}.left-by-${process.pid}`, JSON.stringify(left));
  renameSync(`${path}.left-by-${process.pid}`, path);
}
