/**
 * The recorder: reads what proxy-core leaves in the journal and keeps it in the store. It understands bodies, which
 * core must not, and it may be absent: the journal waits on disk. It must not know how the store works nor serve
 * anyone.
 *
 * Read `recorder.ts` first, the loop from the journal to the store; then `assemble.ts` (frames to exchanges),
 * `understand.ts` (exchanges to facts) and `slice.ts` (bodies to pieces). `main.ts` is the program.
 */
export type { RecorderCounts, RecorderLog, RecorderOptions } from './recorder.ts';
export { Recorder } from './recorder.ts';
export type { ServiceOptions } from './run-recorder.ts';
export { runRecorder } from './run-recorder.ts';
export type { ImportedParts } from './understand-imported.ts';
export { understandImported } from './understand-imported.ts';
