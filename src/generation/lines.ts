import type { Readable } from 'node:stream';

/**
 * Calls back with every line of a stream, without its line feed. A line longer than `lineBytesMax` is cut there
 * and the rest of it skipped. Never pauses the stream: whoever writes into it must not be slowed down.
 */
export function readLines(stream: Readable, lineBytesMax: number, callback: (line: string) => void): void {
  let kept: Buffer[] = [];
  let bytes = 0;
  const keep = (piece: Buffer) => {
    const room = lineBytesMax - bytes;
    if (room > 0) kept.push(piece.subarray(0, room));
    bytes += piece.length;
  };
  const finish = () => {
    if (bytes > 0) callback(Buffer.concat(kept).toString('utf8'));
    kept = [];
    bytes = 0;
  };
  stream.on('data', (data: Buffer) => {
    let from = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, from)) {
      keep(data.subarray(from, end));
      finish();
      from = end + 1;
    }
    keep(data.subarray(from));
  });
  stream.on('end', finish);
  // A broken log pipe ends the log of that process, nothing else.
  stream.on('error', finish);
}
