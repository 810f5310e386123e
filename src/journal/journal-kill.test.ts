import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readWholeJournal, someExchangeId } from './journal-fixture.ts';

let directory: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-kill-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** Runs a writer, kills it once it has promised so many exchanges, and gives what it promised. */
async function promisedBeforeKill(coreId: string, durability: string, count: number): Promise<number[]> {
  const program = fileURLToPath(import.meta.resolve('./kill-fixture.ts'));
  const writer = spawn(process.execPath, [program, directory, coreId, durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = writer;
  const exited = once(writer, 'exit');
  const promised: number[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    promised.push(Number(line));
    if (promised.length === count) writer.kill('SIGKILL');
  }
  await exited;
  return promised;
}

async function expectAllStored(coreId: string, promised: readonly number[]): Promise<void> {
  const { entries, reader } = await readWholeJournal(directory, coreId);
  const bodies = new Map<string, Uint8Array>();
  const closed = new Map<string, { readonly bytes: number; readonly crc32: number }>();
  for (const entry of entries) {
    if (entry.kind === 'request-bytes') bodies.set(entry.exchangeId, entry.bytes);
    if (entry.kind === 'exchange-closed') closed.set(entry.exchangeId, entry.payload.requestReceived);
  }
  for (const number of promised) {
    const id = someExchangeId(number);
    const body = bodies.get(id) ?? Buffer.alloc(0);
    expect({ bytes: body.length, crc32: crc32(body) }).toEqual(closed.get(id));
  }
  // A killed process leaves at most one torn frame, and no damage.
  expect(reader.damagedBytes).toBe(0);
  expect(reader.tornFrames).toBeLessThanOrEqual(1);
}

describe('a core that is killed', () => {
  it.each(['process', 'power'])(
    'loses nothing that it acknowledged, however often (%s)',
    async (durability) => {
      for (let round = 1; round <= 12; round += 1) {
        const coreId = `core-${round}`;
        const promised = await promisedBeforeKill(coreId, durability, round * 23);
        expect(promised.length).toBeGreaterThanOrEqual(round * 23);
        await expectAllStored(coreId, promised);
      }
    },
  );
});
