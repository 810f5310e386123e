import { sha256 } from './slice.ts';

/**
 * The elements of the last request of each conversation, with their hashes. A turn resends all elements of the turn
 * before, and comparing bytes is ten times cheaper than scanning and hashing them.
 */
export interface ElementHashes {
  /**
   * @param conversation session and agent; undefined remembers nothing
   * @param body the request at hand; it is given back through `forget` when it is not needed any more
   */
  of(conversation: string | undefined, body: Buffer): ConversationHashes;
}

export interface ConversationHashes {
  /** What stood at this place in the request before; always longer than 64 bytes, so never a bare number. */
  known(key: string, index: number): Uint8Array | undefined;
  /** SHA-256 of an element of the request at hand, which is remembered for the next one. */
  hash(key: string, index: number, bytes: Uint8Array): Uint8Array;
  /** All elements were told: those of the request before are not needed any more. */
  end(): void;
}

interface Remembered {
  readonly body: Buffer;
  readonly arrays: Map<string, Element[]>;
}

interface Element {
  readonly bytes: Uint8Array;
  readonly sha256: Uint8Array;
}

/**
 * @param options.bytesMax of all remembered requests; the conversations that were quiet longest go first
 * @param options.forget called once for each request when it is not needed any more
 */
export function createElementHashes(options: {
  readonly bytesMax: number;
  readonly forget: (body: Buffer) => void;
}): ElementHashes {
  const conversations = new Map<string, Remembered>();
  let total = 0;

  function drop(conversation: string): void {
    const dropped = conversations.get(conversation);
    if (dropped === undefined) return;
    conversations.delete(conversation);
    total -= dropped.body.length;
    options.forget(dropped.body);
  }

  function remember(conversation: string, now: Remembered): void {
    drop(conversation);
    conversations.set(conversation, now);
    total += now.body.length;
    for (const oldest of conversations.keys()) {
      if (total <= options.bytesMax) return;
      drop(oldest);
    }
  }

  return {
    of(conversation, body) {
      const before = conversation === undefined ? undefined : conversations.get(conversation);
      const now: Remembered = { body, arrays: new Map() };
      return {
        known: (key, index) => before?.arrays.get(key)?.[index]?.bytes,
        hash(key, index, bytes) {
          const known = before?.arrays.get(key)?.[index];
          const isSame = known !== undefined && Buffer.compare(known.bytes, bytes) === 0;
          // Always the new bytes: the old ones would keep every body of the conversation in memory.
          const element = { bytes, sha256: isSame ? known.sha256 : sha256(bytes) };
          elementsOf(now, key)[index] = element;
          return element.sha256;
        },
        end() {
          if (conversation === undefined || now.arrays.size === 0) options.forget(body);
          else remember(conversation, now);
        },
      };
    },
  };
}

function elementsOf({ arrays }: Remembered, key: string): Element[] {
  let elements = arrays.get(key);
  if (elements === undefined) {
    elements = [];
    arrays.set(key, elements);
  }
  return elements;
}
