/**
 * A reader that finds the store damaged makes this file in `<dataDir>/status`. The recorder, which may not notice by
 * itself because it writes more than it reads, takes it away and looks.
 */
export const damageReportName = 'store-damaged';

/** A status older than this was left behind by a recorder that is gone. */
export const recorderStatusAgeMsMax = 10_000;

/**
 * What the recorder says about itself, about once a second and at every change, in
 * `<dataDir>/status/recorder.json` (written beside it and renamed, mode 0600). proxy-core and proxy-data show it on
 * `/health`; neither waits for it. A file older than ten seconds means that no recorder is running.
 */
export interface RecorderStatus {
  readonly version: 1;
  readonly atMs: number;
  readonly pid: number;
  readonly state: 'recording' | 'waiting-for-store' | 'failed' | 'stopped';
  /** What is wrong and what to do, when not recording. */
  readonly trouble?: string;
  readonly store: { readonly engine: string; readonly engineVersion: string; readonly location: string };
  /** Age of the oldest journal frame that is not stored yet, and how many bytes wait. */
  readonly lagMs: number;
  readonly lagBytes: number;
  readonly exchangesStored: number;
  readonly exchangesInterrupted: number;
  readonly openExchanges: number;
  readonly tornFrames: number;
  readonly damagedBytes: number;
  readonly unknownFrames: number;
  readonly checksumMismatches: number;
  readonly storeErrors: number;
  readonly lastCommitAtMs?: number;
}
