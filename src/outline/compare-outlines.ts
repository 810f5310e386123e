import type { OutlineBlock, OutlinePart } from './outline.ts';

/** Blocks of two requests side by side. */
export type ComparedRow =
  /** Blocks that both have, one after the other. */
  | {
      readonly change: 'same';
      readonly from: readonly [string, string];
      readonly count: number;
      readonly bytes: number;
    }
  | { readonly change: 'removed'; readonly before: OutlineBlock }
  | { readonly change: 'added'; readonly after: OutlineBlock }
  /** Another one of the same kind at the same place. */
  | { readonly change: 'changed'; readonly before: OutlineBlock; readonly after: OutlineBlock };

export interface Comparison {
  readonly rows: readonly ComparedRow[];
  /** What a provider could take from its cache: the blocks at the beginning that are equal. */
  readonly samePrefix: { readonly blocks: number; readonly bytes: number };
  /** The part in which the first difference lies; undefined when one is the beginning of the other. */
  readonly firstDifference?: { readonly part: OutlinePart; readonly before: string; readonly after: string };
}

/** Beyond so many different blocks the middle is shown as replaced as a whole. */
const tableMax = 4_000_000;
/** Removed blocks among which the one is looked for that an added one replaced. */
const nearestMax = 200;

/** What changed from one request to another, block by block, by the hashes of the blocks. */
export function compareOutlines(before: readonly OutlineBlock[], after: readonly OutlineBlock[]): Comparison {
  const shorter = Math.min(before.length, after.length);
  let prefix = 0;
  while (prefix < shorter && before[prefix]!.hash === after[prefix]!.hash) prefix += 1;
  let suffix = 0;
  while (
    suffix < shorter - prefix &&
    before[before.length - 1 - suffix]!.hash === after[after.length - 1 - suffix]!.hash
  )
    suffix += 1;
  const rows = new RowList();
  for (let at = 0; at < prefix; at += 1) rows.same(before[at]!, after[at]!);
  compareMiddle(
    rows,
    before.slice(prefix, before.length - suffix),
    after.slice(prefix, after.length - suffix),
  );
  for (let at = suffix; at > 0; at -= 1) rows.same(before[before.length - at]!, after[after.length - at]!);
  const [old, young] = [before[prefix], after[prefix]];
  return {
    rows: rows.all,
    samePrefix: {
      blocks: prefix,
      bytes: before.slice(0, prefix).reduce((sum, { bytes }) => sum + bytes, 0),
    },
    ...(old && young ? { firstDifference: { part: old.part, before: old.at, after: young.at } } : {}),
  };
}

/** The longest common subsequence; there is nothing in common at the ends. */
function compareMiddle(rows: RowList, before: readonly OutlineBlock[], after: readonly OutlineBlock[]): void {
  const width = after.length + 1;
  const isTooLarge = (before.length + 1) * width > tableMax;
  const lengths = isTooLarge ? undefined : lengthsOf(before, after);
  let [b, a] = [0, 0];
  while (b < before.length || a < after.length) {
    const [old, young] = [before[b], after[a]];
    if (old && young && lengths && old.hash === young.hash) {
      rows.same(old, young);
      b += 1;
      a += 1;
    } else if (old && (!young || !lengths || lengths[(b + 1) * width + a]! >= lengths[b * width + a + 1]!)) {
      rows.removed(old);
      b += 1;
    } else {
      rows.added(young!);
      a += 1;
    }
  }
}

/** For each pair of places how long the rest is that both have in common. */
function lengthsOf(before: readonly OutlineBlock[], after: readonly OutlineBlock[]): Uint16Array {
  const width = after.length + 1;
  const lengths = new Uint16Array((before.length + 1) * width);
  for (let b = before.length - 1; b >= 0; b -= 1) {
    for (let a = after.length - 1; a >= 0; a -= 1) {
      lengths[b * width + a] =
        before[b]!.hash === after[a]!.hash
          ? lengths[(b + 1) * width + a + 1]! + 1
          : Math.max(lengths[(b + 1) * width + a]!, lengths[b * width + a + 1]!);
    }
  }
  return lengths;
}

/** Rows in order; equal blocks are joined, and a block that another one of its kind replaced is one row. */
class RowList {
  readonly #rows: ComparedRow[] = [];
  /** Rows with removed blocks that something may have replaced: those from `#removedFrom` on. */
  #removed: number[] = [];
  #removedFrom = 0;

  get all(): readonly ComparedRow[] {
    return this.#rows;
  }

  same(before: OutlineBlock, after: OutlineBlock): void {
    this.#removed = [];
    this.#removedFrom = 0;
    const last = this.#rows.at(-1);
    if (last?.change === 'same') {
      this.#rows[this.#rows.length - 1] = {
        ...last,
        count: last.count + 1,
        bytes: last.bytes + before.bytes,
      };
    } else {
      this.#rows.push({ change: 'same', from: [before.at, after.at], count: 1, bytes: before.bytes });
    }
  }

  removed(before: OutlineBlock): void {
    this.#removed.push(this.#rows.length);
    this.#rows.push({ change: 'removed', before });
  }

  added(after: OutlineBlock): void {
    const row = this.#replacedBy(after);
    if (row === undefined) {
      this.#rows.push({ change: 'added', after });
      // What comes after this one must not stand before it.
      this.#removedFrom = this.#removed.length;
      return;
    }
    const replaced = this.#rows[row];
    if (replaced?.change === 'removed')
      this.#rows[row] = { change: 'changed', before: replaced.before, after };
  }

  /** The next removed block of the same kind, among the nearest ones; what lies before it stays removed. */
  #replacedBy(after: OutlineBlock): number | undefined {
    const end = Math.min(this.#removed.length, this.#removedFrom + nearestMax);
    for (let at = this.#removedFrom; at < end; at += 1) {
      const row = this.#removed[at]!;
      if (!isSameKind(this.#rows[row], after)) continue;
      this.#removedFrom = at + 1;
      return row;
    }
    return undefined;
  }
}

function isSameKind(row: ComparedRow | undefined, { part, role, type, name }: OutlineBlock): boolean {
  if (row?.change !== 'removed') return false;
  const { before } = row;
  return before.part === part && before.role === role && before.type === type && before.name === name;
}
