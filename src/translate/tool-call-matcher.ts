import type { CallPiece } from './openai-delta.ts';

/** Tells which call of an answer a piece belongs to. Providers agree on little here. */
export interface ToolCallMatcher<Call> {
  callFor(piece: CallPiece): Call;
}

interface Known<Call> {
  readonly call: Call;
  /** The first id that was named. */
  readonly id: string | undefined;
  hasArguments: boolean;
}

/**
 * OpenAI numbers its calls and names id and name once. Others leave the number out and send each call in one piece
 * (Gemini), give every call the number 0 (Gemini and Ollama, at times), or repeat id and name with each piece. So a new
 * number is a new call; under a known number, a name begins another call when its id differs or when the call before
 * had all of its arguments; and without number and id, a name begins a call unless the last one waits for arguments.
 */
export function createToolCallMatcher<Call extends { readonly isComplete: boolean }>(
  newCall: () => Call,
): ToolCallMatcher<Call> {
  const byIndex = new Map<number, Known<Call>>();
  const byId = new Map<string, Known<Call>>();
  let last: Known<Call> | undefined;

  function find({ index, id, name, args }: CallPiece): Known<Call> | undefined {
    if (index !== undefined) {
      const known = byIndex.get(index);
      if (known === undefined || name === '') return known;
      const hasOtherId = id !== undefined && known.id !== undefined && known.id !== id;
      const isAfterWhole = id === undefined && known.call.isComplete && args !== '';
      return hasOtherId || isAfterWhole ? undefined : known;
    }
    if (id !== undefined) return byId.get(id) ?? (name === '' ? last : undefined);
    const begins = name !== '' && (last?.hasArguments ?? true);
    return begins ? undefined : last;
  }

  return {
    callFor(piece) {
      const known = find(piece) ?? { call: newCall(), id: piece.id, hasArguments: false };
      known.hasArguments ||= piece.args !== '';
      if (piece.index !== undefined) byIndex.set(piece.index, known);
      if (piece.id !== undefined) byId.set(piece.id, known);
      last = known;
      return known.call;
    },
  };
}
