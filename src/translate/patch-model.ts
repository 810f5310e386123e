import { sliceJson } from '#formats';

const noArrays: ReadonlySet<string> = new Set();
const quote = 0x22;

/**
 * Replaces the value of the top-level `model` and leaves every other byte as it is.
 * @returns a new body; undefined when the bytes are not one JSON object that names its model
 */
export function patchModel(body: Uint8Array, model: string): Uint8Array | undefined {
  const range = sliceJson(body, noArrays)?.values.get('model');
  if (range === undefined || body[range.start] !== quote) return undefined;
  return Buffer.concat([
    body.subarray(0, range.start),
    Buffer.from(JSON.stringify(model)),
    body.subarray(range.end),
  ]);
}
