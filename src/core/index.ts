/**
 * proxy-core: accepts `/v1/*`, picks a route, forwards, streams the answer back and leaves a journal on disk. Must
 * not know a database, the meaning of a body beyond what routes ask for, or whether a recorder or proxy-data exists; has no packages.
 *
 * Read `forward.ts` first: it is the life of an exchange. `start-core.ts` puts the parts together, `main.ts` is
 * the program.
 */
export { type Core, type CoreOrder, type CoreParts, startCore } from './start-core.ts';
