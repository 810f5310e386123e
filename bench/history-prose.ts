import { type SeededRandom, seededRandom } from '#test-support';

/** Words of which a text is made: few of them make up most of it, most of them are rare, as in what people write. */
const words = inventWords(60_000);
const logOfWords = Math.log(words.length);

/** What to look for, by how often it is there. */
export const wordsByFrequency = {
  frequent: words[5]!,
  alsoFrequent: words[9]!,
  common: words[300]!,
  rare: words[30_000]!,
} as const;

/** Syllables one after the other, each word once. */
function inventWords(count: number): string[] {
  const random = seededRandom(7);
  const onsets = 'b c ch d dr f fl g gr h j k l m n p pl qu r s sh st t th tr v w z'.split(' ');
  const vowels = 'a e i o u ai ea io ou'.split(' ');
  const codas = ['', '', 'n', 'r', 's', 't', 'l', 'nd', 'st', 'ck'];
  const known = new Set<string>();
  while (known.size < count) {
    // Short words come first, and the first ones are the frequent ones.
    const syllables = 1 + Math.floor(known.size / 600) ** 0.3;
    let word = '';
    for (let at = 0; at < Math.min(5, syllables); at++)
      word += random.pick(onsets) + random.pick(vowels) + random.pick(codas);
    known.add(word);
  }
  return [...known];
}

/** The word of rank r occurs 1/r as often as the first (Zipf). */
export function anyWord(random: SeededRandom): string {
  return words[Math.floor(Math.exp(random.next() * logOfWords)) - 1]!;
}

/** Sentences of so many words. */
export function talkOf(random: SeededRandom, count: number): string {
  let text = '';
  for (let at = 0; at < count; at++) {
    const word = anyWord(random);
    const isEnd = at % 11 === 10;
    text += at % 11 === 0 ? `${word[0]!.toUpperCase()}${word.slice(1)} ` : isEnd ? `${word}. ` : `${word} `;
  }
  return text;
}

/** Lines that look like a program, or like what one has put out. */
export function codeOf(random: SeededRandom, lines: number): string {
  const name = () => `${anyWord(random)}${capital(anyWord(random))}`;
  let text = '';
  for (let line = 0; line < lines; line++) {
    const kind = random.integer(0, 5);
    if (kind === 0) text += `import { ${name()} } from './${pathOf(random)}';\n`;
    else if (kind === 1) text += `  const ${name()} = await ${anyWord(random)}.${name()}(${name()});\n`;
    else if (kind === 2) text += `  if (${name()}[${random.integer(0, 99)}] !== undefined) return -1;\n`;
    else if (kind === 3) text += `src/${pathOf(random)}:${random.integer(1, 900)}: ${talkOf(random, 4)}\n`;
    else text += `  // ${talkOf(random, 6)}\n`;
  }
  return text;
}

/** `module/other-part.ts` */
export function pathOf(random: SeededRandom): string {
  return `${anyWord(random)}/${anyWord(random)}-${anyWord(random)}.ts`;
}

function capital(word: string): string {
  return `${word[0]!.toUpperCase()}${word.slice(1)}`;
}
