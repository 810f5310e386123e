import type { JsonObject } from '#formats';

/** What a block of an answer begins as; its content comes in deltas only, because clients read it from there. */
export type BlockStart =
  | { readonly type: 'text'; readonly text: '' }
  | { readonly type: 'thinking'; readonly thinking: ''; readonly signature: '' }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: JsonObject };

/**
 * Writes the events of a Messages stream. Blocks are numbered in their order and one is open at a time; every event
 * has its `event:` line, without which clients skip it.
 */
export interface AnthropicEventWriter {
  messageStart(message: JsonObject): void;
  blockStart(block: BlockStart): void;
  blockDelta(delta: JsonObject): void;
  blockStop(): void;
  messageEnd(delta: JsonObject, usage: JsonObject): void;
  error(error: JsonObject): void;
  ping(): void;
  /** All whole events since the last call. */
  takeBytes(): Uint8Array;
}

export function createAnthropicEventWriter(): AnthropicEventWriter {
  let written: string[] = [];
  let index = 0;

  function write(type: string, fields: JsonObject = {}): void {
    written.push(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  }

  return {
    messageStart: (message) => write('message_start', { message }),
    blockStart: (block) => write('content_block_start', { index, content_block: block }),
    blockDelta: (delta) => write('content_block_delta', { index, delta }),
    blockStop() {
      write('content_block_stop', { index });
      index += 1;
    },
    messageEnd(delta, usage) {
      write('message_delta', { delta, usage });
      write('message_stop');
    },
    error: (error) => write('error', { error }),
    ping: () => write('ping'),
    takeBytes() {
      const bytes = Buffer.from(written.join(''));
      written = [];
      return bytes;
    },
  };
}
