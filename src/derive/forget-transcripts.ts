import { type ArchivedFile, type DerivedStore, pieceOf, type TranscriptStore } from '#store';
import type { Step } from './step.ts';

const filesPerPiece = 500;
const comparedPerPiece = 2_000;
const forgottenPerPiece = 50;

/** What the archive leaves of a file whose lines it has forgotten. */
export function isForgotten({ path }: ArchivedFile): boolean {
  return path === '';
}

/**
 * Takes out of the texts what forgotten transcripts said. Each forgetting is followed by one comparison of all places in
 * transcripts with what the archive still has, so that one that was broken off is found again.
 */
export function forgetTranscripts(transcripts: TranscriptStore, derived: DerivedStore): Step {
  /** Of the comparison that is under way. */
  let comparing: { readonly change: number; after: number; gone: number[] } | undefined;

  async function look(): Promise<boolean> {
    const changed = await transcripts.filesAfter(await derived.position('forgotten-files'), filesPerPiece);
    const last = changed.at(-1);
    if (last === undefined) return false;
    if (changed.some(isForgotten)) comparing = { change: last.change, after: 0, gone: [] };
    else await derived.text.haveForgottenFiles(last.change, false);
    return true;
  }

  async function compare(): Promise<void> {
    const places = await derived.text.transcriptPlacesAfter(comparing!.after, comparedPerPiece);
    const last = places.at(-1);
    if (last === undefined) {
      await derived.text.haveForgottenFiles(comparing!.change, true);
      comparing = undefined;
      return;
    }
    const left = new Set(await transcripts.piecesAmong([...new Set(places.map(pieceOf))]));
    comparing!.gone.push(...places.filter((place) => !left.has(pieceOf(place))));
    comparing!.after = last;
  }

  return {
    name: 'forgotten-transcripts',
    async run() {
      if (comparing === undefined) return (await look()) ? 'more' : 'idle';
      if (comparing.gone.length > 0)
        await derived.text.forget('transcript', comparing.gone.splice(0, forgottenPerPiece));
      else await compare();
      return 'more';
    },
  };
}
