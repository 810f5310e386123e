import type { CoreConfig } from '#core-config';
import type { HeaderList, Roster } from '#exchange';
import type { WorkerPlace } from '#generation';
import type { Guard } from '#guard';
import type { JournalWriter } from '#journal/write';
import type { StickySteps } from '#resilience';
import type { AgentNames } from './agent-names.ts';
import type { Balance } from './balance.ts';
import type { Breakers } from './breakers.ts';
import type { BufferSweep } from './buffer-sweep.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ProviderHealth } from './provider-health.ts';
import type { RecorderStatusReader } from './recorder-status.ts';
import type { RunningExchange } from './running-exchange.ts';
import type { Upstream } from './upstream.ts';

/** What every request needs; made once before anything listens. */
export interface CoreContext {
  readonly config: CoreConfig;
  readonly version: string;
  readonly generation: number;
  readonly worker: WorkerPlace;
  readonly startedAtMs: number;
  readonly journal: JournalWriter;
  readonly guard: Guard;
  readonly fingerprints: Fingerprints;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly agentNames: AgentNames;
  /** Who was chosen how often, where several share the work. */
  readonly balance: Balance;
  readonly breakers: Breakers;
  /** Conversations that another provider has taken over. */
  readonly stickySteps: StickySteps;
  readonly running: Roster<RunningExchange>;
  /** Exchanges that may be open at once. */
  readonly exchangesMax: number;
  readonly bufferSweep: BufferSweep;
  readonly metrics: Metrics;
  readonly providerHealth: ProviderHealth;
  readonly recorderStatus: RecorderStatusReader;
  readonly log: Log;
  /** Ends each event stream that proxy-data sends through the front. */
  readonly eventStreamEnds: Set<() => void>;
  /** A draining core answers with `Connection: close`. */
  isDraining: boolean;
}

/** Credentials are replaced by these before anything is written down. */
export interface Fingerprints {
  headers(list: HeaderList): HeaderList;
  target(target: string): string;
}
