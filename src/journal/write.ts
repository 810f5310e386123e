/**
 * Writing the journal: what proxy-core leaves on disk of every exchange, and the fingerprints that stand there
 * instead of credentials. Must not know what bodies mean, nor who reads the journal; must never cost traffic.
 *
 * Read `journal-writer.ts` first: it is all that core sees. `open-journal.ts` implements it, `format.ts` is the
 * on-disk format, `fingerprint.ts` the part about credentials.
 */
export { combineCrc32 } from './combine-crc32.ts';
export { fingerprintHeaders, fingerprintTarget } from './fingerprint.ts';
export type { ExchangeJournal, JournalWriter, JournalWriterState } from './journal-writer.ts';
export type { JournalClock, JournalOptions } from './open-journal.ts';
export { openJournal, processClock } from './open-journal.ts';
