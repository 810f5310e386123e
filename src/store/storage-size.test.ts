import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeTempDir } from '#test-support';
import { openStore } from './open-store.ts';
import { agentSession } from './testing/agent-session.ts';

it('S10: stores a session of 100 turns in a thirtieth of its bytes or less', async () => {
  const directory = makeTempDir('store-size');
  const path = directory.join('throughline.db');
  const store = await openStore({ engine: 'sqlite', path }, { role: 'writer' });
  let rawBytes = 0;
  for (const item of agentSession({ turns: 100 })) {
    rawBytes += item.exchange.requestBytes + item.exchange.responseBytes;
    await store.commit({ exchanges: [item], positions: [] });
  }
  for await (const step of store.verify())
    expect(step).toMatchObject({ kind: 'totals', exchanges: 100, damaged: 0 });
  await store.close();
  const storedBytes = statSync(path).size;
  console.log(
    `${rawBytes} bytes of bodies stored in ${storedBytes}: 1/${(rawBytes / storedBytes).toFixed(1)}`,
  );
  expect(rawBytes / storedBytes).toBeGreaterThanOrEqual(30);
  directory.remove();
});
