import { type HashElement, sha256 } from './slice.ts';

/**
 * Hashes of array elements, remembered from the last request of each conversation. Comparing bytes is ten times
 * cheaper than hashing them, and all but the newest elements are those of the turn before.
 */
export interface ElementHashes {
  /** @param conversation session and agent; undefined remembers nothing */
  for(conversation: string | undefined): HashElement;
}

interface Remembered {
  readonly elements: Map<string, { readonly bytes: Uint8Array; readonly sha256: Uint8Array }>;
  bytes: number;
}

export function createElementHashes(bytesMax: number): ElementHashes {
  const conversations = new Map<string, Remembered>();
  let total = 0;

  function makeRoom(): void {
    for (const [conversation, { bytes }] of conversations) {
      if (total <= bytesMax) return;
      conversations.delete(conversation);
      total -= bytes;
    }
  }

  return {
    for(conversation) {
      if (conversation === undefined) return (_, bytes) => sha256(bytes);
      const before = conversations.get(conversation);
      const now: Remembered = { elements: new Map(), bytes: 0 };
      if (before !== undefined) total -= before.bytes;
      conversations.delete(conversation);
      conversations.set(conversation, now);

      return ({ key, index }, bytes) => {
        const place = `${key}/${index}`;
        const known = before?.elements.get(place);
        const isSame = known !== undefined && Buffer.compare(known.bytes, bytes) === 0;
        // Always the new bytes: the old ones would keep every body of the conversation in memory.
        const element = { bytes, sha256: isSame ? known.sha256 : sha256(bytes) };
        if (conversations.get(conversation) === now) {
          now.elements.set(place, element);
          now.bytes += bytes.length;
          total += bytes.length;
          makeRoom();
        }
        return element.sha256;
      };
    },
  };
}
