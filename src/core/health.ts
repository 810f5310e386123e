import { type RecorderStatus, recorderStatusAgeMsMax, withoutDirectories } from '#exchange';
import type { JournalWriterState } from '#journal/write';
import type { CoreContext } from './core-context.ts';
import { providerTrouble } from './provider-health.ts';
import { type WorkerStatus, workerStatusAgeMsMax } from './worker-status.ts';

export interface Health {
  /** False when recording is impaired. Forwarding may still be perfect: that is what `/readyz` tells. */
  readonly isHealthy: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What others said last. */
export interface Around {
  readonly recorder: RecorderStatus | undefined;
  readonly otherWorkers: readonly WorkerStatus[];
  readonly nowMs: number;
}

/** What `/health` shows: all workers together. Names no absolute path and no credential. */
export function health(core: CoreContext, { recorder, otherWorkers, nowMs }: Around): Health {
  const journal = shownJournal(core);
  const recording = recorderTrouble(core, recorder, nowMs);
  const degraded: string[] = [];
  if (!journal.healthy) degraded.push(`journal: ${journal.trouble ?? 'cannot be written'}`);
  for (const other of otherWorkers) degraded.push(...workerTroubles(other, nowMs));
  if (recording !== undefined) degraded.push(`recorder: ${recording}`);
  const isHealthy = degraded.length === 0;
  const outcomes = [core.providerHealth.outcomes(), ...otherWorkers.map((other) => other.providers)];
  const providers = core.config.providers.map(({ name, format }) => {
    const trouble = providerTrouble(name, outcomes);
    return {
      name,
      format,
      healthy: trouble === undefined,
      ...(trouble === undefined ? {} : { last_error: trouble }),
    };
  });
  const body = {
    status: isHealthy ? 'ok' : 'degraded',
    service: 'proxy-core',
    version: core.version,
    generation: core.generation,
    timestamp: new Date(nowMs).toISOString(),
    uptime_seconds: Math.floor(process.uptime()),
    database: databaseState(recorder, recording),
    providers: Object.fromEntries(providers.map(({ name, ...rest }) => [name, rest])),
    provider_health: providers.map(({ name, healthy }) => ({ name, healthy })),
    forwarding: core.isDraining ? 'draining' : 'ok',
    exchanges: {
      open: sum(core.running.size, otherWorkers, 'openExchanges'),
      max: sum(core.exchangesMax, otherWorkers, 'openExchangesMax'),
    },
    ...(core.worker.of === 1
      ? {}
      : { worker: core.worker.number, workers: shownWorkers(core, otherWorkers, nowMs) }),
    journal,
    recorder: recorder === undefined ? null : shownRecorder(recorder, nowMs),
    degraded,
  };
  return { isHealthy, body };
}

/** Why another worker does not do all it should. */
function workerTroubles({ worker, atMs, journalTrouble }: WorkerStatus, nowMs: number): string[] {
  const silentMs = nowMs - atMs;
  if (silentMs > workerStatusAgeMsMax)
    return [`worker ${worker}: has said nothing for ${Math.round(silentMs / 1000)} s`];
  return journalTrouble === undefined
    ? []
    : [`worker ${worker}: journal: ${withoutDirectories(journalTrouble)}`];
}

function sum(
  own: number,
  otherWorkers: readonly WorkerStatus[],
  of: 'openExchanges' | 'openExchangesMax',
): number {
  let total = own;
  for (const other of otherWorkers) total += other[of];
  return total;
}

function shownWorkers(core: CoreContext, otherWorkers: readonly WorkerStatus[], nowMs: number) {
  const own = {
    worker: core.worker.number,
    generation: core.generation,
    age_ms: 0,
    open_exchanges: core.running.size,
  };
  const others = otherWorkers.map(({ worker, generation, atMs, openExchanges }) => ({
    worker,
    generation,
    age_ms: Math.max(0, nowMs - atMs),
    open_exchanges: openExchanges,
  }));
  return [own, ...others].sort((a, b) => a.worker - b.worker);
}

function shownJournal(core: CoreContext): JournalWriterState {
  const journal = core.journal.state();
  return journal.trouble === undefined
    ? journal
    : { ...journal, trouble: withoutDirectories(journal.trouble) };
}

/** The key is as old as the first clients: `connected` means that records reach the store. */
function databaseState(
  recorder: RecorderStatus | undefined,
  trouble: string | undefined,
): 'connected' | 'unavailable' | 'unknown' {
  if (trouble !== undefined) return 'unavailable';
  return recorder === undefined ? 'unknown' : 'connected';
}

/**
 * Why records do not reach the store; undefined while they do, or while a recorder has had no time to start or to take
 * the place of another. A recorder is expected where one belongs to this core, or has left its status: a core that
 * runs alone is not ill.
 */
function recorderTrouble(
  core: CoreContext,
  recorder: RecorderStatus | undefined,
  nowMs: number,
): string | undefined {
  if (recorder === undefined && core.config.isRecorderExpected !== true) return undefined;
  const heardAtMs = Math.max(core.startedAtMs, recorder?.atMs ?? 0);
  if (nowMs - heardAtMs > recorderStatusAgeMsMax)
    return 'no recorder is running; records wait in the journal';
  const isLeft = recorder === undefined || nowMs - recorder.atMs > recorderStatusAgeMsMax;
  if (isLeft || recorder.state === 'recording' || recorder.state === 'stopped') return undefined;
  return withoutDirectories(recorder.trouble ?? recorder.state);
}

function shownRecorder(recorder: RecorderStatus, nowMs: number): Readonly<Record<string, unknown>> {
  const { state, lagMs, lagBytes, exchangesStored, openExchanges, trouble } = recorder;
  return {
    state,
    age_ms: Math.max(0, nowMs - recorder.atMs),
    lag_ms: lagMs,
    lag_bytes: lagBytes,
    exchanges_stored: exchangesStored,
    open_exchanges: openExchanges,
    ...(trouble === undefined ? {} : { trouble: withoutDirectories(trouble) }),
  };
}
