import type { AnthropicEventWriter, BlockStart } from './anthropic-event-writer.ts';
import type { DroppedWords } from './dropped-words.ts';
import { jsonText } from './exact-json.ts';
import { createJsonBalance } from './json-balance.ts';
import type { CallPiece } from './openai-delta.ts';
import { createToolCallMatcher } from './tool-call-matcher.ts';
import { toolInput } from './tool-input.ts';

/** Brings the pieces of an answer into the order of a Messages stream: one block after the other, one open at a time. */
export interface AnswerSegments {
  text(piece: string): void;
  thinking(piece: string): void;
  call(piece: CallPiece): void;
  /** Writes and closes everything that was held back. More may follow. */
  flush(): void;
  readonly hasCalls: boolean;
  /** Characters that wait for their turn. */
  readonly heldCharacters: number;
  readonly count: number;
}

export interface SegmentOptions {
  readonly writer: AnthropicEventWriter;
  readonly dropped: DroppedWords;
  /** The client's id of a call, from the provider's if there is one. */
  readonly idFor: (id?: string) => string;
  /** The client's name of a tool. */
  readonly nameFor: (name: string) => string;
}

/**
 * A provider may go back and forth between its calls. The first segment that is not finished is written as it comes;
 * what belongs to later ones is held until it is their turn. Text is finished when something else follows, a call when
 * its arguments are a whole JSON object.
 */
export function createAnswerSegments(options: SegmentOptions): AnswerSegments {
  const segments: Segment[] = [];
  /** Those before it are closed. */
  let current = 0;
  let hasCalls = false;
  const held: Tally = { characters: 0 };
  const matcher = createToolCallMatcher(() => {
    hasCalls = true;
    return append(createCallSegment(options, held));
  });

  function append<Kind extends Segment>(segment: Kind): Kind {
    segments.push(segment);
    return segment;
  }

  function prose(kind: 'text' | 'thinking', piece: string): void {
    if (piece === '') return;
    const last = segments.at(-1);
    const isOpen = last?.kind === kind && current < segments.length;
    const segment = isOpen ? (last as ProseSegment) : append(createProseSegment(kind, options.writer, held)); // Same kind.
    segment.add(piece);
    advance();
  }

  function advance(): void {
    for (; current < segments.length; current += 1) {
      const segment = segments[current]!;
      segment.write();
      const hasSuccessor = current + 1 < segments.length;
      if (!(segment.kind === 'call' ? segment.canClose : hasSuccessor)) return;
      segment.close();
    }
  }

  return {
    text: (piece) => prose('text', piece),
    thinking: (piece) => prose('thinking', piece),
    call(piece) {
      matcher.callFor(piece).add(piece);
      advance();
    },
    flush() {
      for (; current < segments.length; current += 1) segments[current]!.close();
    },
    get hasCalls() {
      return hasCalls;
    },
    get heldCharacters() {
      return held.characters;
    },
    get count() {
      return segments.length;
    },
  };
}

type Segment = ProseSegment | CallSegment;

/** What all segments hold together. */
interface Tally {
  characters: number;
}

interface ProseSegment {
  readonly kind: 'text' | 'thinking';
  add(piece: string): void;
  /** Writes what has come so far. */
  write(): void;
  close(): void;
}

/**
 * Spaces at the beginning wait for a letter: a text of nothing but spaces is no text, and Anthropic refuses it when it
 * comes back with the next turn.
 */
function createProseSegment(
  kind: 'text' | 'thinking',
  writer: AnthropicEventWriter,
  tally: Tally,
): ProseSegment {
  let held = '';
  let isBlank = true;
  let isOpen = false;

  function write(): void {
    if (held === '' || isBlank) return;
    if (!isOpen) writer.blockStart(kind === 'text' ? { type: kind, text: '' } : emptyThinking);
    isOpen = true;
    writer.blockDelta(
      kind === 'text' ? { type: 'text_delta', text: held } : { type: 'thinking_delta', thinking: held },
    );
    tally.characters -= held.length;
    held = '';
  }

  return {
    kind,
    add(piece) {
      held += piece;
      tally.characters += piece.length;
      isBlank &&= piece.trim() === '';
    },
    write,
    close() {
      write();
      if (isOpen) writer.blockStop();
    },
  };
}

const emptyThinking: BlockStart = { type: 'thinking', thinking: '', signature: '' };

interface CallSegment {
  readonly kind: 'call';
  add(piece: CallPiece): void;
  write(): void;
  close(): void;
  /** The arguments are whole. */
  readonly isComplete: boolean;
  readonly canClose: boolean;
}

/** The name is whole when the arguments begin: it may come in pieces, or again with every piece. */
function createCallSegment({ writer, dropped, idFor, nameFor }: SegmentOptions, tally: Tally): CallSegment {
  const balance = createJsonBalance();
  let id: string | undefined;
  let name = '';
  let held = '';
  let hasArguments = false;
  let isOpen = false;
  let isClosed = false;

  function add(piece: CallPiece): void {
    id ??= piece.id;
    if (piece.name !== name && (!hasArguments || name === '')) name += piece.name;
    if (piece.args === '') return;
    hasArguments = true;
    const length = balance.take(piece.args);
    if (!isClosed) hold(piece.args.slice(0, length));
    if (piece.args.slice(length).trim() !== '') dropped.add('arguments of a call that came after their end');
  }

  function hold(text: string): void {
    held += text;
    tally.characters += text.length;
  }

  function write(): void {
    if (held === '' || name === '' || balance.isOther) return;
    open();
    writeArguments(held);
  }

  function writeArguments(text: string): void {
    writer.blockDelta({ type: 'input_json_delta', partial_json: text });
    tally.characters -= held.length;
    held = '';
  }

  function open(): void {
    if (!isOpen) writer.blockStart({ type: 'tool_use', id: idFor(id), name: nameFor(name), input: {} });
    isOpen = true;
  }

  function close(): void {
    write();
    if (!isOpen || held !== '') {
      // No arguments, no object, or no name: what there is of it goes out as one piece.
      open();
      const text = balance.isOther || held === '' ? jsonText(toolInput(held)) : held;
      writeArguments(text ?? '{}');
    }
    if (!balance.isComplete && !balance.isOther && hasArguments) {
      dropped.add('the end of the arguments of a call: the provider left them unfinished');
    }
    writer.blockStop();
    isClosed = true;
  }

  return {
    kind: 'call',
    add,
    write,
    close,
    get isComplete() {
      return balance.isComplete;
    },
    get canClose() {
      return balance.isComplete && name !== '';
    },
  };
}
