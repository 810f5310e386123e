import { asObject, asText, parseJson } from '#formats';
import type { ArchivedDocument, DerivedStore, SessionTitle, TranscriptStore } from '#store';
import { placeOf } from '#transcripts';
import type { Step } from './step.ts';

const documentsPerPiece = 500;
const titleCharactersMax = 500;

/** Titles that users gave their sessions, out of the files that the client keeps beside the transcripts. */
export function deriveSessionTitles(transcripts: TranscriptStore, derived: DerivedStore): Step {
  return {
    name: 'session-titles',
    async run() {
      const before = await derived.position('transcript-documents');
      const documents = await transcripts.documentsAfter(before, documentsPerPiece);
      const last = documents.at(-1);
      if (last === undefined) return 'idle';
      // Titles do not say of which document they are: those that are left are read again.
      if (documents.some(({ path }) => path === ''))
        await derived.conversations.keepTitles(await allTitles(transcripts));
      await derived.conversations.noteTitles(documents.flatMap(titleOf), last.change);
      return documents.length < documentsPerPiece ? 'idle' : 'more';
    },
  };
}

async function allTitles(transcripts: TranscriptStore): Promise<SessionTitle[]> {
  const titles: SessionTitle[] = [];
  for (let change = 0; ; ) {
    const documents = await transcripts.documentsAfter(change, documentsPerPiece);
    titles.push(...documents.flatMap(titleOf));
    const last = documents.at(-1);
    if (last === undefined) return titles;
    change = last.change;
  }
}

function titleOf({ path, content }: ArchivedDocument): SessionTitle[] {
  const place = placeOf('claude', path);
  if (place?.holds !== 'session-title' || place.sessionId === undefined) return [];
  const document = parseJson(content);
  const { customTitle, title, name } = asObject(document) ?? { title: document };
  const text = [customTitle, title, name]
    .map((value) => asText(value, titleCharactersMax))
    .find((value) => value !== undefined);
  return text === undefined
    ? []
    : [{ project: place.project ?? '', conversation: place.sessionId, title: text }];
}
