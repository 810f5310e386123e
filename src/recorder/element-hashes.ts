import { sha256 } from './slice.ts';

/**
 * The elements of the last request of each conversation, with their hashes. A turn resends all elements of the turn
 * before, and comparing bytes is ten times cheaper than scanning and hashing them.
 */
export interface ElementHashes {
  /** @param conversation session and agent; undefined remembers nothing */
  of(conversation: string | undefined): ConversationHashes;
}

export interface ConversationHashes {
  /** What stood at this place in the request before; always longer than 64 bytes, so never a bare number. */
  known(key: string, index: number): Uint8Array | undefined;
  /** SHA-256 of an element of the request at hand, which is remembered for the next one. */
  hash(key: string, index: number, bytes: Uint8Array): Uint8Array;
}

interface Remembered {
  readonly arrays: Map<string, Element[]>;
  bytes: number;
}

interface Element {
  readonly bytes: Uint8Array;
  readonly sha256: Uint8Array;
}

const nothing: ConversationHashes = { known: () => undefined, hash: (_key, _index, bytes) => sha256(bytes) };

/** @param bytesMax of all remembered elements; the conversations that were quiet longest go first */
export function createElementHashes(bytesMax: number): ElementHashes {
  const conversations = new Map<string, Remembered>();
  let total = 0;

  function begin(conversation: string): Remembered {
    const now: Remembered = { arrays: new Map(), bytes: 0 };
    total -= conversations.get(conversation)?.bytes ?? 0;
    conversations.delete(conversation);
    conversations.set(conversation, now);
    return now;
  }

  function remember(now: Remembered, key: string, index: number, element: Element): void {
    let elements = now.arrays.get(key);
    if (elements === undefined) {
      elements = [];
      now.arrays.set(key, elements);
    }
    elements[index] = element;
    now.bytes += element.bytes.length;
    total += element.bytes.length;
    for (const [conversation, { bytes }] of conversations) {
      if (total <= bytesMax) return;
      conversations.delete(conversation);
      total -= bytes;
    }
  }

  return {
    of(conversation) {
      if (conversation === undefined) return nothing;
      const before = conversations.get(conversation);
      let now: Remembered | undefined;
      return {
        known: (key, index) => before?.arrays.get(key)?.[index]?.bytes,
        hash(key, index, bytes) {
          now ??= begin(conversation);
          const known = before?.arrays.get(key)?.[index];
          const isSame = known !== undefined && Buffer.compare(known.bytes, bytes) === 0;
          // Always the new bytes: the old ones would keep every body of the conversation in memory.
          const element = { bytes, sha256: isSame ? known.sha256 : sha256(bytes) };
          if (conversations.get(conversation) === now) remember(now, key, index, element);
          return element.sha256;
        },
      };
    },
  };
}
