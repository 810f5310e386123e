import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '../open-store.ts';
import { StoreError } from '../store.ts';
import { exchangeToStore } from './exchange-to-store.ts';

/** A program for tests: opens the store when the start file appears, stores one exchange and leaves. */
const [path, startFile, number] = process.argv.slice(2);
console.log('waiting');
while (!existsSync(startFile!)) await sleep(1);
const store = await openStore({ engine: 'sqlite', path: path! }, { role: 'writer' });
for (;;) {
  try {
    await store.commit({ exchanges: [exchangeToStore(Number(number))], positions: [] });
    break;
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'busy')) throw error;
    await sleep(5);
  }
}
await store.close();
