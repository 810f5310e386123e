import { asObject, saidInMessage } from '#formats';
import type { ArchivedFile, DerivedStore, FileTouch, TextPlace, TranscriptStore } from '#store';
import { type Entry, placeOf, readEntry } from '#transcripts';
import { filesInAnswer } from './files-touched.ts';
import { type SaidText, talk } from './said-in-exchange.ts';
import type { Step } from './step.ts';

/** Some 100 ms of work when nothing of it was on the wire. The index is written once for each piece, so smaller ones take longer in all. */
const bytesPerPiece = 1024 * 1024;

/** What was said in transcripts, for the search in texts. */
export function deriveTranscriptText(transcripts: TranscriptStore, derived: DerivedStore): Step {
  return {
    name: 'transcript-text',
    async run() {
      const pieces = await transcripts.piecesAfter(await derived.position('transcript-text'), bytesPerPiece);
      const last = pieces.at(-1);
      if (last === undefined) return 'idle';
      const places: TextPlace[] = [];
      for (const { fileId, lines } of pieces) {
        const file = await transcripts.file(fileId);
        if (file === undefined) continue;
        for (const { entryId, bytes } of lines) {
          if (!maySaySomething(file.kind, bytes)) continue;
          const entry = readEntry(file.kind, bytes);
          const said = saidInEntry(entry, file);
          const touched = filesInEntry(entry);
          if (said.length > 0 || touched.length > 0)
            places.push({ ...placeOfEntry(entry, file), place: entryId, said, touched });
        }
      }
      await derived.text.append(places, 'transcript-text', last.id);
      return 'more';
    },
  };
}

function filesInEntry({ kind, record }: Entry): FileTouch[] {
  if (kind !== 'assistant') return [];
  const message = asObject(record.message);
  return filesInAnswer(message ?? { output: [record.payload] });
}

/** Most of a transcript's bytes may be snapshots of prompts and tools. They are passed over without being parsed. */
function maySaySomething(kind: ArchivedFile['kind'], line: Uint8Array): boolean {
  if (kind !== 'claude') return true;
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.length);
  return keysOfTalk.some((key) => bytes.includes(key));
}

/** One of these is a key of every line that `saidInEntry` takes something from, and titles are short. */
const keysOfTalk = ['"message"', '"summary"', 'itle"', '"agentName"'];

function placeOfEntry(
  entry: Entry,
  file: ArchivedFile,
): Pick<TextPlace, 'source' | 'sessionId' | 'agentId' | 'atMs'> {
  return {
    source: 'transcript',
    // The file decides, as in lists of conversations: lines that a fork copied are found in both.
    sessionId: placeOf(file.kind, file.path)?.sessionId ?? entry.sessionId,
    agentId: entry.agentId,
    atMs: entry.atMs ?? Math.round(file.modifiedAtMs),
  };
}

/** What Claude Code wrote into its prompts itself is no talk. Its messages are read as they are on the wire, so that the texts are the same. */
function saidInEntry(entry: Entry, { kind }: ArchivedFile): SaidText[] {
  const isTalk = entry.kind === 'user' || entry.kind === 'assistant' || entry.kind === 'title';
  if (!isTalk || entry.isMeta) return [];
  const message = asObject(entry.record.message);
  if (kind === 'claude' && message !== undefined && entry.kind !== 'title')
    return saidInMessage(message).flatMap((said) => talk(said) ?? []);
  return entry.blocks
    .filter(({ text }) => text.trim() !== '')
    .map((block) => {
      const isUser = block.kind === 'tool-result' || entry.role === 'user';
      const role = isUser ? 'user' : 'assistant';
      if (block.kind !== 'tool-use') return { kind: block.kind, role, text: block.text };
      return { kind: 'tool-input', role: 'assistant', text: `${block.toolName}\n${block.text}` };
    });
}
