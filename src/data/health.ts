import type { DataHealth } from '#api';
import type { ArchiveProgress } from '#derive';
import { type RecorderStatus, withoutDirectories } from '#exchange';
import type { JoinRate } from '#store';
import { describeProblem } from './api-problem.ts';
import type { IndexThreadStatus } from './index-thread/messages.ts';
import type { IndexThread } from './index-thread/start.ts';
import { rateBody } from './join-body.ts';
import { instantText, present } from './request-summary.ts';
import type { StoreAccess } from './store-access.ts';

/** An answer this young is given again, so that no one can keep the database busy by asking. */
const answerAgeMsMax = 250;

/** What health is made of. */
export interface HealthSources {
  readonly access: StoreAccess;
  readonly readRecorder: () => Promise<RecorderStatus | undefined>;
  readonly version: string;
  /** Named by the configuration; the store itself may be out of reach. */
  readonly engine: string;
  /** Of the disk of the database; undefined when nobody can tell. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** Below this the disk counts as nearly full. */
  readonly freeBytesMin: number;
  readonly nowMs: () => number;
  readonly liveListeners: () => number;
  readonly joinRate: () => JoinRate | undefined;
  /** What derives, as far as it is known here. */
  readonly index: () => Pick<IndexThread, 'status' | 'transcripts' | 'behindSinceMs'> | undefined;
}

/** How proxy-data is doing, looked at anew at most four times a second. Never rejects. */
export function createHealth(sources: HealthSources): () => Promise<DataHealth> {
  let latest: { readonly answer: Promise<DataHealth>; readonly atMs: number } | undefined;
  return () => {
    const now = sources.nowMs();
    if (!latest || Math.abs(now - latest.atMs) > answerAgeMsMax)
      latest = { answer: examine(sources), atMs: now };
    return latest.answer;
  };
}

async function examine(sources: HealthSources): Promise<DataHealth> {
  const { readRecorder, version, nowMs, liveListeners, joinRate, index } = sources;
  const [database, recorder] = await Promise.all([examineStore(sources), readRecorder()]);
  const rate = joinRate();
  const isConnected = database.trouble === undefined;
  const { status: indexStatus, transcripts, behindSinceMs } = index() ?? {};
  const isRecording = recorder?.state === 'recording';
  return {
    status: !isConnected ? 'unavailable' : isRecording ? 'ok' : 'degraded',
    service: 'proxy-data',
    version,
    database: isConnected ? 'connected' : 'unavailable',
    indexer: transcripts === undefined ? 'not_configured' : 'running',
    timestamp: instantText(nowMs()),
    database_detail: database,
    recorder: describeRecorder(recorder),
    ...(rate === undefined ? {} : { join: rateBody(rate) }),
    derived: describeIndex(indexStatus, behindSinceMs),
    ...describeTranscripts(transcripts),
    live_listeners: liveListeners(),
  };
}

async function examineStore({
  access,
  engine,
  freeBytes,
  freeBytesMin,
}: HealthSources): Promise<DataHealth['database_detail']> {
  try {
    const found = await access.use((store) => store.health());
    const free = await freeBytes();
    return {
      ...(free === undefined ? {} : { free_bytes: free, disk: free < freeBytesMin ? 'low' : 'ok' }),
      engine: found.engine,
      exchanges: found.exchanges,
      bytes: found.bytes,
      schema_version: found.schemaVersion,
    };
  } catch (error) {
    return { engine, trouble: describeProblem(error).body.error };
  }
}

function describeTranscripts(progress: ArchiveProgress | undefined): Pick<DataHealth, 'transcripts'> {
  if (progress === undefined) return {};
  const { bytesArchived, bytesPerSecond, leftSeconds, ...rest } = progress;
  return {
    transcripts: {
      ...rest,
      bytes_archived: bytesArchived,
      percent: percentOf(bytesArchived, rest.bytes),
      ...(rest.state === 'current'
        ? {}
        : present({ bytes_per_second: rounded(bytesPerSecond), eta_seconds: rounded(leftSeconds) })),
    },
  };
}

function describeRecorder(status: RecorderStatus | undefined): DataHealth['recorder'] {
  if (!status) return { state: 'not-running' };
  return {
    state: status.state,
    lag_ms: status.lagMs,
    lag_bytes: status.lagBytes,
    exchanges_stored: status.exchangesStored,
    open_exchanges: status.openExchanges,
    ...present({
      trouble: status.trouble === undefined ? undefined : withoutDirectories(status.trouble),
      last_commit: status.lastCommitAtMs === undefined ? undefined : instantText(status.lastCommitAtMs),
    }),
  };
}

function describeIndex(
  status: IndexThreadStatus | undefined,
  behindSinceMs: number | undefined,
): DataHealth['derived'] {
  if (status === undefined) return { state: 'not-running' };
  if (status.state === 'elsewhere') return { state: 'elsewhere' };
  const { through, of, transcripts, perSecond, leftSeconds } = status;
  const behindSeconds = behindSinceMs === undefined ? 0 : (performance.now() - behindSinceMs) / 1000;
  return {
    state: status.state,
    through,
    of,
    percent: Math.min(percentOf(through, of), percentOf(transcripts.through, transcripts.of)),
    behind_seconds: Math.round(behindSeconds * 10) / 10,
    transcripts,
    // Who is at the end has no pace worth telling, and readers of events none that changes by itself.
    ...(status.state === 'current'
      ? {}
      : present({ requests_per_second: rounded(perSecond), eta_seconds: rounded(leftSeconds) })),
    ...(status.state === 'rebuilding' ? { serves_earlier: status.servesEarlier } : {}),
    ...present({ trouble: status.trouble === undefined ? undefined : withoutDirectories(status.trouble) }),
  };
}

/** Rounded down, so that 100 means that nothing is left. */
function percentOf(done: number, of: number): number {
  return of <= 0 ? 100 : Math.floor((Math.min(done, of) / of) * 100);
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}
