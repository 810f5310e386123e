import type { DeletionNote } from '#store';
import type { StoreAccess } from './store-access.ts';

export interface RetentionOptions {
  readonly access: StoreAccess;
  /** What was received longer ago goes. */
  readonly keepMs: number;
  readonly nowMs: () => number;
  /** Begins the note of one deletion; see `openDeletions`. */
  readonly noteDeletion: () => DeletionNote;
  readonly onDeleted: (exchanges: number) => void;
  /** Hears why nothing could be deleted this time; the next time is tried all the same. */
  readonly onTrouble: (error: unknown) => void;
}

export interface Retention {
  /** Deletes what is too old, in bounded slices. Never rejects. Does nothing while it is at it already. */
  run(): Promise<void>;
  stop(): void;
}

/** The first time is late enough that starting up comes before it. */
const firstAfterMs = 60_000;
const everyMs = 15 * 60_000;

/** Deletes what the configuration says is too old, now and then. */
export function createRetention(options: RetentionOptions): Retention {
  const { access, keepMs, nowMs, noteDeletion, onDeleted, onTrouble } = options;
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined = setTimeout(again, firstAfterMs).unref();

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      const note = noteDeletion();
      const filter = { toMs: nowMs() - keepMs };
      const { exchanges } = await access.use((store) => store.delete(filter, (ids) => note.add(ids)));
      if (exchanges > 0) onDeleted(exchanges);
    } catch (error) {
      onTrouble(error);
    } finally {
      isRunning = false;
    }
  }

  async function again(): Promise<void> {
    await run();
    if (timer !== undefined) timer = setTimeout(again, everyMs).unref();
  }

  return {
    run,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
