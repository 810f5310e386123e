import type { Metric } from '#exchange';
import { isSupervised } from '#generation';
import type { CoreContext } from './core-context.ts';

/** Values of this moment for `/metrics`: of this process and of its journal. */
export function workerMetrics(core: CoreContext): readonly Metric[] {
  const metric = (name: string, help: string, values: Metric['values']): Metric => ({
    name: `throughline_${name}`,
    help,
    values,
  });
  return [
    metric('exchanges_seen_total', 'Requests accepted for a provider.', core.metrics.seen),
    metric(
      'bodies_held_total',
      'Request bodies held back for a route that looks at them or changes them.',
      core.metrics.bodiesHeld,
    ),
    metric('provider_answers_total', 'Tries that a provider answered, whatever it said.', {
      label: 'provider',
      counts: core.providerHealth.answers,
    }),
    metric('provider_failures_total', 'Tries that a provider gave no answer to.', {
      label: 'provider',
      counts: core.providerHealth.failures,
    }),
    metric('provider_retries_total', 'Tries after the first at the same provider.', {
      label: 'provider',
      counts: core.metrics.retries,
    }),
    metric('provider_fallbacks_total', 'Requests that went on to another provider, by the one that failed.', {
      label: 'provider',
      counts: core.metrics.fallbacks,
    }),
    metric('breaker_opened_total', 'Times that a circuit breaker opened.', {
      label: 'provider',
      counts: core.breakers.opened,
    }),
    metric('breakers_open', 'Models of a provider that are not asked at the moment.', {
      label: 'provider',
      counts: core.breakers.openNow,
    }),
    metric('open_exchanges', 'Exchanges that are open.', core.running.size),
    metric('open_exchanges_max', 'Exchanges that may be open at once.', core.exchangesMax),
    metric('piped_requests', 'Requests that proxy-data answers through the front.', core.metrics.piped),
    metric(
      'piped_event_streams',
      'Event streams of proxy-data through the front.',
      core.metrics.eventStreams,
    ),
    metric('generation', 'Number of this run of proxy-core: each hand-over adds one.', core.generation),
    metric('draining', '1 while this process only ends what is open.', core.isDraining ? 1 : 0),
    metric(
      'supervised',
      '0 while the supervisor is gone and another one is to come.',
      isSupervised() ? 1 : 0,
    ),
    metric('resident_bytes', 'Memory of this process.', residentBytes()),
    ...journalMetrics(core),
  ];
}

function journalMetrics(core: CoreContext): Metric[] {
  const journal = core.journal.state();
  const metric = (name: string, help: string, values: Metric['values']): Metric => ({
    name: `throughline_journal_${name}`,
    help,
    values,
  });
  return [
    metric('healthy', '0 while the journal cannot be written.', journal.healthy ? 1 : 0),
    metric('pending_bytes', 'Bytes that wait to be written.', journal.pendingBytes),
    metric('unsynced_bytes', 'Bytes written that a power cut may still take.', journal.unsyncedBytes),
    metric('written_bytes_total', 'Bytes written to the journal.', journal.writtenBytes),
    metric('frames_total', 'Frames written to the journal.', journal.framesWritten),
    metric('segments_total', 'Segment files begun.', journal.segments),
    metric('bodies_dropped_total', 'Bodies of which a part was not recorded.', journal.bodiesDropped),
    metric('bytes_dropped_total', 'Bytes of bodies that were not recorded, by reason.', {
      label: 'reason',
      counts: Object.entries(journal.bytesDropped),
    }),
    metric('write_errors_total', 'Writes of the journal that failed.', journal.writeErrors),
  ];
}

/** Reading it needs a descriptor on some platforms, and a metric must not fail a request. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}
