/**
 * Brings the history of the system before Throughline in: its `requests.db`, read only, row by row. What it kept is less
 * than what was on the wire, so nothing of it counts as unaltered, and every exchange says that it was imported.
 *
 * Read `legacy-exchange.ts` first: one row, and what becomes of it.
 */
export type { ImportProgress } from './import-history.ts';
export { importHistory } from './import-history.ts';
export { LegacyDatabase, LegacyDatabaseError } from './legacy-database.ts';
