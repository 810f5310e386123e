import type { SeededRandom } from './seeded-random.ts';

const words =
  'the a this each every new old small large open close read write keep move check file line test value name list path module function result error state order limit number server client request answer stream record store index table row column entry key token cache turn agent session message block tool input output change rename build run start stop wait retry count first last next before after while until because when where which without between inside never always only also then so and or but if not is are was has should must can may will does with from into over under'.split(
    ' ',
  );
const symbols =
  'parse format encode decode merge split load save open close collect reduce resolve schedule render measure'.split(
    ' ',
  );
const nouns =
  'Config Segment Frame Cursor Batch Reader Writer Column Header Digest Window Budget Journal Ticket Route Shard'.split(
    ' ',
  );

/** Sentences of made-up prose, about `length` characters. */
export function prose(random: SeededRandom, length: number): string {
  const out: string[] = [];
  let size = 0;
  while (size < length) {
    const count = random.integer(6, 18);
    const sentence = Array.from({ length: count }, () => random.pick(words)).join(' ');
    const text = `${sentence[0]?.toUpperCase()}${sentence.slice(1)}${random.integer(0, 9) === 0 ? ':\n- ' : '. '}`;
    out.push(text);
    size += text.length;
  }
  return out.join('').slice(0, length);
}

// Beyond this the text repeats: a body of many megabytes should not take seconds to make up.
const blockLength = 500_000;

/** Lines that look like source code with line numbers, about `length` characters: what a file read returns. */
export function sourceCode(random: SeededRandom, length: number): string {
  if (length > blockLength)
    return sourceCode(random, blockLength)
      .repeat(Math.ceil(length / blockLength))
      .slice(0, length);
  const out: string[] = [];
  let size = 0;
  for (let line = 1; size < length; line++) {
    const text = `${String(line).padStart(6)}\t${codeLine(random)}\n`;
    out.push(text);
    size += text.length;
  }
  return out.join('').slice(0, length);
}

function codeLine(random: SeededRandom): string {
  const name = `${random.pick(symbols)}${random.pick(nouns)}`;
  switch (random.integer(0, 6)) {
    case 0:
      return `export function ${name}(${random.pick(words)}: ${random.pick(nouns)}): number {`;
    case 1:
      return `  const ${random.pick(words)}${random.pick(nouns)} = ${name}(${random.integer(0, 5000)});`;
    case 2:
      return `  // ${prose(random, random.integer(20, 80))}`;
    case 3:
      return `  if (${random.pick(words)} > 0x${random.hex(4)}) return ${name}("${random.pick(words)}\\t${random.pick(words)}");`;
    case 4:
      return '}';
    default:
      return `    ${random.pick(words)}.${random.pick(symbols)}(${random.integer(0, 100)}, '${random.pick(words)}-${random.pick(words)}'),`;
  }
}
