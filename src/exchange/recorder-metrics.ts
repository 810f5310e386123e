import type { Metric } from './metric.ts';
import { type RecorderStatus, recorderStatusAgeMsMax } from './recorder-status.ts';

/**
 * What the recorder counts, for `/metrics` of proxy-core and of proxy-data: it listens nowhere itself. A recorder that is
 * gone keeps its last counts, and `throughline_recorder_up` says that they are old.
 */
export function recorderMetrics(status: RecorderStatus | undefined, nowMs: number): Metric[] {
  const ageMs = status === undefined ? 0 : Math.max(0, nowMs - status.atMs);
  const isUp = status?.state === 'recording' && ageMs <= recorderStatusAgeMsMax;
  const metric = (name: string, help: string, values = 0): Metric => ({
    name: `throughline_recorder_${name}`,
    help,
    values: Number.isFinite(values) ? values : 0,
  });
  return [
    metric('up', '1 while the recorder runs and the store takes what it writes.', isUp ? 1 : 0),
    metric('status_age_seconds', 'Time since the recorder last said how it is.', ageMs / 1000),
    metric('lag_seconds', 'Age of the oldest record that is not stored yet.', (status?.lagMs ?? 0) / 1000),
    metric('lag_bytes', 'Bytes of the journal that are not stored yet.', status?.lagBytes),
    metric('open_exchanges', 'Exchanges in the journal that have not ended.', status?.openExchanges),
    metric('stored_total', 'Exchanges written to the store.', status?.exchangesStored),
    metric('interrupted_total', 'Exchanges stored without their end.', status?.exchangesInterrupted),
    metric('torn_frames_total', 'Journals that end in the middle of a frame.', status?.tornFrames),
    metric('damaged_bytes_total', 'Bytes of the journal skipped as damaged.', status?.damagedBytes),
    metric('unknown_frames_total', 'Frames of a kind this version does not know.', status?.unknownFrames),
    metric(
      'checksum_mismatches_total',
      'Bodies whose record is not what core saw.',
      status?.checksumMismatches,
    ),
    metric('store_errors_total', 'Attempts to write to the store that failed.', status?.storeErrors),
    metric(
      'last_commit_timestamp_seconds',
      'When the store last took something; 0 = never.',
      (status?.lastCommitAtMs ?? 0) / 1000,
    ),
  ];
}
