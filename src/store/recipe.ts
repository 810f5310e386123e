import { VarintReader, VarintWriter } from './varint.ts';

/** How a body is put together again: concatenating the parts gives its exact bytes. */
export type RecipePart =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  | { readonly kind: 'chunk'; readonly id: number };

// Operations on disk: never renumber. A run is what JSON arrays are made of: chunk, separator, chunk, separator …
const literalOperation = 0;
const chunkOperation = 1;
const runOperation = 2;

const runLengthMin = 3;

/** Chunk ids are written as distances, because the pieces of a conversation were mostly stored one after another. */
export function encodeRecipe(parts: readonly RecipePart[]): Buffer {
  const writer = new VarintWriter();
  let previousId = 0;
  let index = 0;
  while (index < parts.length) {
    const part = parts[index]!;
    if (part.kind === 'literal') {
      writer.number(literalOperation).bytes(part.bytes);
      index += 1;
      continue;
    }
    const run = runAt(parts, index);
    if (run.ids.length < runLengthMin) {
      writer.number(chunkOperation).signed(part.id - previousId);
      previousId = part.id;
      index += 1;
      continue;
    }
    writer.number(runOperation).bytes(run.separator).number(run.ids.length);
    for (const id of run.ids) {
      writer.signed(id - previousId);
      previousId = id;
    }
    index += run.ids.length * 2 - 1;
  }
  return writer.finish();
}

/** @throws RangeError when the bytes are damaged */
export function decodeRecipe(encoded: Uint8Array): RecipePart[] {
  const reader = new VarintReader(encoded);
  const parts: RecipePart[] = [];
  let id = 0;
  while (!reader.atEnd) {
    const operation = reader.number();
    if (operation === literalOperation) {
      parts.push({ kind: 'literal', bytes: reader.bytes() });
    } else if (operation === chunkOperation) {
      id += reader.signed();
      parts.push({ kind: 'chunk', id });
    } else if (operation === runOperation) {
      const separator = reader.bytes();
      const count = reader.number();
      for (let i = 0; i < count; i += 1) {
        if (i > 0) parts.push({ kind: 'literal', bytes: separator });
        id += reader.signed();
        parts.push({ kind: 'chunk', id });
      }
    } else {
      throw new RangeError(`unknown recipe operation ${operation}`);
    }
  }
  return parts;
}

function runAt(parts: readonly RecipePart[], start: number): { separator: Uint8Array; ids: number[] } {
  const ids: number[] = [];
  let separator: Uint8Array = Buffer.alloc(0);
  for (let index = start; index < parts.length; index += 2) {
    const chunk = parts[index]!;
    if (chunk.kind !== 'chunk') break;
    ids.push(chunk.id);
    const between = parts[index + 1];
    if (between?.kind !== 'literal' || between.bytes.length > 16) break;
    if (ids.length === 1) separator = between.bytes;
    else if (Buffer.compare(separator, between.bytes) !== 0) break;
  }
  return { separator, ids };
}
