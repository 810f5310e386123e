import { dialectOf, understandAnswer } from '#formats';

/** A stream as readers of the API see it. */
export interface StreamMessage {
  /** The message as it would have been without streaming. */
  readonly body?: unknown;
  /** The text of a stream that nothing could be made of. */
  readonly bodyText?: string;
  readonly streamingChunks: string[];
}

/**
 * What the decoded bytes of an event stream add up to.
 * @param path of the request; says which format the stream has
 */
export function readStreamMessage(path: string, bytes: Uint8Array): StreamMessage {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const streamingChunks = text.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
  const message = assembledMessage(path, bytes);
  return message === undefined ? { bodyText: text, streamingChunks } : { body: message, streamingChunks };
}

function assembledMessage(path: string, bytes: Uint8Array): unknown {
  const dialect = dialectOf(path);
  if (!dialect) return undefined;
  const message = understandAnswer(dialect, bytes, 'text/event-stream').assembledMessage;
  try {
    // The input of a tool call may be nested deeper than can be written again.
    JSON.stringify(message);
    return message;
  } catch {
    return undefined;
  }
}
