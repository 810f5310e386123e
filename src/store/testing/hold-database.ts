import { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';
import Database from 'better-sqlite3';

/** A program for tests: runs statements on a database, keeps the last one's transaction open and waits to be ended. */
const [path, statements] = process.argv.slice(2);
const database = new Database(path!);
for (const statement of statements!.split(';')) {
  const prepared = database.prepare(statement);
  if (prepared.reader) prepared.all();
  else prepared.run();
}
writeSync(1, Buffer.from('holding\n'));
// Reading a property keeps the connection, and with it the lock, from being collected.
setInterval(() => database.inTransaction, 1_000);
