import type { DataConfig } from '#config';
import type { DeletionNote, Store } from '#store';
import type { StoreAccess } from './store-access.ts';

/** What may be kept; nothing is deleted for what is absent. */
export type RetentionLimits = Pick<DataConfig, 'keepMs' | 'keepBodiesMs' | 'storeBytesMax' | 'freeBytesMin'>;

/** The limits of a configuration; undefined when it has none. */
export function limitsOf({
  keepMs,
  keepBodiesMs,
  storeBytesMax,
  freeBytesMin,
}: RetentionLimits): RetentionLimits | undefined {
  const all = { keepMs, keepBodiesMs, storeBytesMax, freeBytesMin };
  const set = Object.entries(all).filter(([, value]) => value !== undefined);
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

export interface RetentionOptions {
  readonly access: StoreAccess;
  readonly limits: RetentionLimits;
  readonly nowMs: () => number;
  /** Free bytes of the disk of the database; undefined when nobody can tell. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** Begins the note of one deletion; see `openDeletions`. */
  readonly noteDeletion: () => DeletionNote;
  readonly onDeleted: (what: { readonly exchanges: number; readonly bodies: number }) => void;
  /** Hears why nothing could be deleted this time; the next time is tried all the same. */
  readonly onTrouble: (error: unknown) => void;
}

export interface Retention {
  /** Deletes what is too much, in bounded slices. Never rejects. Does nothing while it is at it already. */
  run(): Promise<void>;
  stop(): void;
}

/** The first time is late enough that starting up comes before it. */
const firstAfterMs = 60_000;
const everyMs = 15 * 60_000;

/** A little more at once than seems needed: what goes is not as large as the average. */
const margin = 1.2;
const exchangesAtOnceMin = 20;

/** Deletes what the configuration says is too much, now and then: bodies first, everything else last. */
export function createRetention(options: RetentionOptions): Retention {
  const { access, limits, nowMs, freeBytes, noteDeletion, onDeleted, onTrouble } = options;
  const { keepMs, keepBodiesMs, storeBytesMax, freeBytesMin } = limits;
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined = setTimeout(again, firstAfterMs).unref();

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    const gone = { exchanges: 0, bodies: 0 };
    try {
      if (keepMs !== undefined) gone.exchanges += await deleteBefore(nowMs() - keepMs);
      if (keepBodiesMs !== undefined) gone.bodies += await pruneBefore(nowMs() - keepBodiesMs);
      if (freeBytesMin !== undefined)
        await shrink(gone, freeBytesMin - ((await freeBytes()) ?? freeBytesMin), { bodiesOnly: true });
      if (storeBytesMax !== undefined)
        await shrink(gone, (await health()).bytes - storeBytesMax, { bodiesOnly: false });
    } catch (error) {
      onTrouble(error);
    } finally {
      isRunning = false;
      if (gone.exchanges + gone.bodies > 0) onDeleted(gone);
    }
  }

  const health = (): ReturnType<Store['health']> => access.use((store) => store.health());

  async function deleteBefore(toMs: number): Promise<number> {
    const note = noteDeletion();
    const { exchanges } = await access.use((store) => store.delete({ toMs }, (ids) => note.add(ids)));
    return exchanges;
  }

  async function pruneBefore(toMs: number): Promise<number> {
    return (await access.use((store) => store.pruneBodies({ toMs }, nowMs()))).exchanges;
  }

  /**
   * Takes as many of the oldest as that excess should be. Once in a run: what was freed shows only when the log of the
   * database has been written back, and whoever looked before would delete too much.
   */
  async function shrink(
    gone: { exchanges: number; bodies: number },
    excess: number,
    { bodiesOnly }: { readonly bodiesOnly: boolean },
  ): Promise<void> {
    if (excess <= 0) return;
    const { bytes, exchanges } = await health();
    const share = Math.min(1, (excess * margin) / Math.max(1, bytes));
    const bodies = await access.use((store) => store.bodiesOf({}));
    if (bodies.exchanges > 0) gone.bodies += await pruneBefore(await endOf(share, bodies.exchanges, true));
    else if (!bodiesOnly && exchanges > 0)
      gone.exchanges += await deleteBefore(await endOf(share, exchanges, false));
  }

  /** Everything received before this is that share of them, the oldest. */
  async function endOf(share: number, of: number, withBodies: boolean): Promise<number> {
    const skip = Math.max(exchangesAtOnceMin, Math.ceil(share * of));
    const at =
      skip >= of ? undefined : await access.use((store) => store.receivedAtMsOf({ skip, withBodies }));
    return at ?? Number.MAX_SAFE_INTEGER;
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
