import type { Metric } from '#exchange';
import type { IndexThread } from './index-thread/start.ts';

/** How far what is derived is behind; nothing while another process derives, or nobody has said anything. */
export function indexMetrics(
  index: Pick<IndexThread, 'status' | 'transcripts' | 'behindSinceMs'> | undefined,
): Metric[] {
  const status = index?.status;
  if (index === undefined || status === undefined || status.state === 'elsewhere') return [];
  const { behindSinceMs, transcripts } = index;
  return [
    {
      name: 'throughline_data_index_lag_requests',
      help: 'Recorded requests that statistics and search lack.',
      values: Math.max(0, status.of - status.through),
    },
    {
      name: 'throughline_data_index_lag_seconds',
      help: 'For how long something has been recorded that statistics or search lack.',
      values: behindSinceMs === undefined ? 0 : (performance.now() - behindSinceMs) / 1000,
    },
    {
      name: 'throughline_data_index_lag_transcript_pieces',
      help: 'Archived pieces of transcripts that conversations or search lack.',
      values: status.transcripts.of - status.transcripts.through,
    },
    {
      name: 'throughline_data_index_requests_per_second',
      help: 'Requests derived in a second, over the last half minute.',
      values: status.perSecond ?? 0,
    },
    ...(transcripts === undefined
      ? []
      : [
          {
            name: 'throughline_data_transcripts_lag_bytes',
            help: 'Bytes of transcripts that are not archived yet.',
            values: transcripts.bytes - transcripts.bytesArchived,
          },
        ]),
  ];
}
