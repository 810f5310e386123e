import type { DerivedStore, Store } from '#store';
import { saidAt } from './derive-text.ts';
import { KnownMessages } from './said-in-exchange.ts';
import type { Step } from './step.ts';

const comparedPerPiece = 2_000;
const forgottenPerPiece = 50;
const readAgainPerPiece = 20;

/**
 * Forgets what was deleted from the facts. Each deletion is followed by one comparison of everything that is derived with
 * what is left. Texts go first: of a piece that was broken off the rest is found again.
 * @param known what `deriveText` has read; forgotten texts are new to it
 */
export function forgetDeleted(facts: Store, derived: DerivedStore, known: KnownMessages): Step {
  /** Of the comparison that is under way. */
  let comparing: { readonly total: number; after: number; deleted: number[] } | undefined;

  async function compare(): Promise<void> {
    const { after, deleted } = comparing!;
    const here = await derived.requests.sequencesAfter(after, comparedPerPiece);
    const last = here.at(-1);
    if (last === undefined) {
      await derived.requests.haveForgotten(comparing!.total);
      comparing = undefined;
      return;
    }
    // What is derived was in the store, so at most as many are left.
    const left = new Set(await facts.sequencesAfter(after, here.length));
    deleted.push(...here.filter((sequence) => !left.has(sequence)));
    comparing!.after = last;
  }

  async function forgetSome(deleted: number[]): Promise<void> {
    const some = deleted.slice(0, forgottenPerPiece);
    await derived.text.forget('wire', some);
    known.clear();
    await derived.requests.forget(some);
    deleted.splice(0, some.length);
  }

  /** Bodies are gone, and everything else about their requests is kept. */
  async function forgetPruned(): Promise<boolean> {
    const pruned = await facts.prunedAfter(await derived.position('prunings'), forgottenPerPiece);
    const last = pruned.at(-1);
    if (last === undefined) return false;
    const sequences = pruned.map(({ sequence }) => sequence);
    await derived.text.forget('wire', sequences);
    known.clear();
    await derived.requests.haveForgottenTexts(sequences, last.number);
    return true;
  }

  /** Places that had a text first are gone; the next ones that have it take their place. */
  async function readSomeAgain(): Promise<boolean> {
    const sequences = await derived.requests.toReadAgain(readAgainPerPiece);
    const fresh = new KnownMessages();
    for (const sequence of sequences) {
      const [exchange] = await facts.storedAfter(sequence - 1, 1);
      if (exchange?.sequence !== sequence) continue;
      const whole = (await facts.exchange(exchange.id)) ?? exchange;
      await derived.text.append([await saidAt(facts, whole, fresh)], 'text', 0);
    }
    if (sequences.length > 0) await derived.requests.haveReadAgain(sequences);
    return sequences.length > 0;
  }

  return {
    name: 'deletions',
    async run() {
      if (comparing === undefined) {
        const total = await facts.deletedTotal();
        if (total !== (await derived.position('deletions'))) comparing = { total, after: 0, deleted: [] };
      }
      if (comparing !== undefined) {
        if (comparing.deleted.length > 0) await forgetSome(comparing.deleted);
        else await compare();
        return 'more';
      }
      if (await forgetPruned()) return 'more';
      return (await readSomeAgain()) ? 'more' : 'idle';
    },
  };
}
