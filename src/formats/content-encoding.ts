import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';

export type DecodedContent =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** The bytes are kept as they are; nothing can be read out of them. */
  | { readonly ok: false; readonly reason: string };

const layersMax = 2;
const outputBytesMax = 64 * 1024 * 1024;
const ratioMax = 200;
/** A short text of one repeated letter compresses beyond any ratio and harms nobody. */
const smallOutputBytes = 1024 * 1024;

/**
 * Undoes a `content-encoding`. What was cut off in the middle is decoded as far as it goes, so the part of an
 * answer that arrived before a break can be read. At most 2 layers, 64 MB of output and 200 times the input: more
 * than that is a bomb, not an answer. Never throws.
 * @param encoding value of the header field, undefined when there was none
 */
export function decodeContent(bytes: Uint8Array, encoding: string | undefined): DecodedContent {
  const layers = (encoding ?? '')
    .toLowerCase()
    .split(',', 64)
    .map((layer) => layer.trim())
    .filter((layer) => layer !== '' && layer !== 'identity');
  if (layers.length > layersMax) return { ok: false, reason: `more than ${layersMax} content encodings` };

  let decoded = bytes;
  for (const layer of layers.reverse()) {
    const decode = decoders.get(layer);
    if (decode === undefined) return { ok: false, reason: `unknown content encoding ${layer.slice(0, 40)}` };
    if (decoded.length === 0) break;
    const maxOutputLength = Math.min(outputBytesMax, Math.max(smallOutputBytes, bytes.length * ratioMax));
    try {
      decoded = decode(decoded, maxOutputLength);
    } catch (error) {
      return { ok: false, reason: reasonOf(error, layer) };
    }
  }
  return { ok: true, bytes: decoded };
}

type Decode = (bytes: Uint8Array, maxOutputLength: number) => Uint8Array;

// Flushing instead of finishing makes zlib give out what it has when the input ends early.
const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflate],
  [
    'br',
    (bytes, maxOutputLength) =>
      brotliDecompressSync(bytes, { maxOutputLength, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  ],
  [
    'zstd',
    (bytes, maxOutputLength) =>
      zstdDecompressSync(bytes, { maxOutputLength, finishFlush: constants.ZSTD_e_flush }),
  ],
]);

function gunzip(bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  return gunzipSync(bytes, { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH });
}

/** "deflate" means zlib, but some servers send the raw form; the first byte tells which. */
function inflate(bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  const isZlib = (bytes[0]! & 0x0f) === 8 && bytes.length > 1 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
  const options = { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH };
  return isZlib ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
}

function reasonOf(error: unknown, layer: string): string {
  const code = (error as { code?: unknown }).code;
  if (code === 'ERR_BUFFER_TOO_LARGE') return `${layer} expands beyond the limit`;
  return `not valid ${layer}`;
}
