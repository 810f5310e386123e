import type { DataHealth } from '#api';
import type { ArchiveProgress } from '#derive';
import { type RecorderStatus, withoutDirectories } from '#exchange';
import type { JoinRate } from '#store';
import { describeProblem } from './api-problem.ts';
import type { IndexThreadStatus } from './index-thread/messages.ts';
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
  readonly nowMs: () => number;
  readonly liveListeners: () => number;
  readonly indexStatus: () => IndexThreadStatus | undefined;
  readonly transcripts: () => ArchiveProgress | undefined;
  readonly joinRate: () => JoinRate | undefined;
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

async function examine({
  access,
  engine,
  readRecorder,
  version,
  nowMs,
  liveListeners,
  indexStatus,
  transcripts,
  joinRate,
}: HealthSources): Promise<DataHealth> {
  const [database, recorder] = await Promise.all([examineStore(access, engine), readRecorder()]);
  const rate = joinRate();
  const isConnected = database.trouble === undefined;
  const isRecording = recorder?.state === 'recording';
  return {
    status: !isConnected ? 'unavailable' : isRecording ? 'ok' : 'degraded',
    service: 'proxy-data',
    version,
    database: isConnected ? 'connected' : 'unavailable',
    indexer: transcripts() === undefined ? 'not_configured' : 'running',
    timestamp: instantText(nowMs()),
    database_detail: database,
    recorder: describeRecorder(recorder),
    derived: describeIndex(indexStatus()),
    ...describeTranscripts(transcripts()),
    ...(rate === undefined ? {} : { join: rateBody(rate) }),
    live_listeners: liveListeners(),
  };
}

async function examineStore(access: StoreAccess, engine: string): Promise<DataHealth['database_detail']> {
  try {
    const found = await access.use((store) => store.health());
    return {
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
  const { bytesArchived, ...rest } = progress;
  return { transcripts: { ...rest, bytes_archived: bytesArchived } };
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

function describeIndex(status: IndexThreadStatus | undefined): DataHealth['derived'] {
  if (status === undefined) return { state: 'not-running' };
  if (status.state === 'elsewhere') return { state: 'elsewhere' };
  return {
    state: status.state,
    through: status.through,
    of: status.of,
    ...(status.state === 'rebuilding' ? { serves_earlier: status.servesEarlier } : {}),
    ...present({ trouble: status.trouble === undefined ? undefined : withoutDirectories(status.trouble) }),
  };
}
