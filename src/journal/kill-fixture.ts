/**
 * A process that writes a journal as fast as it can and says which exchanges it was promised, until it is killed.
 * Arguments: directory, core id, `process` or `power`.
 */
import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { someExchangeId, someOpened, someTallies, testConfig } from './journal-fixture.ts';
import { openJournal } from './open-journal.ts';

const [directory, coreId, durability] = process.argv.slice(2);
const config = testConfig(directory!, {
  durability: durability === 'power' ? 'power' : 'process',
  segmentBytesMax: 300_000,
});
const writer = await openJournal(config, { coreId: coreId! });

async function exchanges(lane: number): Promise<never> {
  for (let number = lane; ; number += lanes) {
    const log = writer.open(someExchangeId(number), someOpened());
    const body = Buffer.alloc((number * 7919) % 20_000, number);
    log.bytes('request', body);
    log.bytes('response', body.subarray(0, 300));
    const tally = { bytes: body.length, crc32: crc32(body) };
    await log.closed({ end: 'finished', ...someTallies(), requestReceived: tally });
    writeSync(1, `${number}\n`);
  }
}

const lanes = 8;
await Promise.all(Array.from({ length: lanes }, (_, lane) => exchanges(lane + 1)));
