import type { DataHealth, OpenRequest } from '#api';
import { eventFrame } from './live-frames.ts';

const openEveryMs = 500;
const healthEveryMs = 1000;

type LiveState = 'health' | 'open' | 'index';

/** How things stand, as frames that stay the same object while nothing changes. */
export interface LiveStates {
  readonly frames: ReadonlyMap<LiveState, Uint8Array>;
  /** Looks again if the last look is old enough. */
  lookAtHealth(): Promise<void>;
  lookAtOpen(): Promise<void>;
  /** Forgets everything, so that the next looks are fresh. */
  forget(): void;
}

export function createLiveStates(
  health: () => Promise<DataHealth>,
  openRequests: () => Promise<readonly OpenRequest[]>,
): LiveStates {
  const frames = new Map<LiveState, Uint8Array>();
  const seen = new Map<LiveState, { readonly text: string; readonly at: number }>();

  function isDue(kind: LiveState, everyMs: number): boolean {
    const last = seen.get(kind);
    return !last || performance.now() - last.at >= everyMs;
  }

  function note(kind: LiveState, text: string, data: unknown): void {
    if (seen.get(kind)?.text !== text) frames.set(kind, eventFrame(kind, data));
    seen.set(kind, { text, at: performance.now() });
  }

  return {
    frames,
    async lookAtHealth() {
      if (!isDue('health', healthEveryMs)) return;
      const { status, database, recorder, derived, transcripts } = await health();
      // Lag and counters change all the time; only a change of state is news.
      note('health', `${status} ${database} ${recorder.state}`, { status, database, recorder });
      // How long it has been behind grows by itself.
      const { behind_seconds: _, ...progress } = derived;
      note('index', JSON.stringify({ progress, transcripts }), { derived, transcripts });
    },
    async lookAtOpen() {
      if (!isDue('open', openEveryMs)) return;
      const requests = await openRequests();
      note('open', JSON.stringify(requests), { requests });
    },
    forget() {
      frames.clear();
      seen.clear();
    },
  };
}
