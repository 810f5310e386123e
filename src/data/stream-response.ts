/**
 * An answer written as the client reads it. When the pieces cannot be had any more, the connection is broken off:
 * a clean end would pass for the whole.
 * @param pieces undefined when only the head is wanted
 */
export function streamResponse(
  pieces: AsyncIterable<Uint8Array> | undefined,
  headers: Readonly<Record<string, string>>,
  breakOff: (error: unknown) => void,
): Response {
  async function* guarded(from: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* from;
    } catch (error) {
      breakOff(error);
    }
  }
  return new Response(pieces ? ReadableStream.from(guarded(pieces)) : null, { headers });
}
