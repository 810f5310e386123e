const newline = 0x0a;

/** Cuts whole lines at their ends; a last one may lack its end. Empty lines count, so that places stay what they are. */
export function cutLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Cuts lines into runs of at most `linesMax` lines and, unless a line alone is longer, `bytesMax` bytes. */
export function cutRuns(
  bytes: Uint8Array,
  { linesMax, bytesMax }: { readonly linesMax: number; readonly bytesMax: number },
): { readonly start: number; readonly bytes: Uint8Array; readonly lines: number }[] {
  const runs: { start: number; bytes: Uint8Array; lines: number }[] = [];
  let start = 0;
  let end = 0;
  let lines = 0;
  const finish = () => {
    if (end > start) runs.push({ start, bytes: bytes.subarray(start, end), lines });
    start = end;
    lines = 0;
  };
  while (end < bytes.length) {
    const found = bytes.indexOf(newline, end);
    const next = found < 0 ? bytes.length : found + 1;
    if (lines > 0 && (lines >= linesMax || next - start > bytesMax)) finish();
    end = next;
    lines += 1;
  }
  finish();
  return runs;
}
