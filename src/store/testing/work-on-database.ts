import { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';

/**
 * A program for tests: works on a database beside its owners, as an index of its contents would, until it is ended
 * with SIGTERM. `write` fills a table of its own in short transactions, `read` goes through every exchange. Then it says
 * how often it did so, and has ended with an error when a lock was in its way.
 */
const [path, work] = process.argv.slice(2);
const database = new Database(path!, { timeout: 20_000 });
let times = 0;
let isOver = false;
process.once('SIGTERM', () => {
  isOver = true;
});

if (work === 'write') {
  database.exec('CREATE TABLE IF NOT EXISTS stand_in_for_an_index (word TEXT, place INTEGER)');
  const insert = database.prepare('INSERT INTO stand_in_for_an_index VALUES (?, ?)');
  const insertMany = database.transaction((from: number) => {
    for (let place = from; place < from + 50; place += 1) insert.run(`word ${place % 977}`, place);
  });
  while (!isOver) {
    insertMany.immediate(times * 50);
    times += 1;
    if (times === 1) writeSync(1, Buffer.from('working\n'));
    await delay(5);
  }
} else {
  const count = database.prepare('SELECT count(*), sum(length(id)) FROM exchanges');
  const all = database.prepare('SELECT * FROM exchanges ORDER BY id');
  while (!isOver) {
    count.get();
    for (const _ of all.iterate());
    times += 1;
    if (times === 1) writeSync(1, Buffer.from('working\n'));
    await delay(1);
  }
}
writeSync(1, Buffer.from(`${times} times\n`));
database.close();
