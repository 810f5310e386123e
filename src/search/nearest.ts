/**
 * The known word that was probably meant: one that begins so, or the one with the fewest letters wrong.
 * @returns undefined when nothing is close enough to be worth a guess
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const asked = word.toLowerCase().slice(0, 32);
  const longer = known.filter((name) => asked.length > 1 && name.startsWith(asked));
  if (longer.length === 1) return longer[0];
  const [best] = known
    .map((name) => ({ name, distance: lettersWrong(asked, name) }))
    .filter(
      ({ name, distance }) => distance <= Math.max(1, Math.floor(Math.min(asked.length, name.length) / 2)),
    )
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** Letters to insert, delete or replace until one word is the other. */
function lettersWrong(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced));
    }
    previous = row;
  }
  return previous[to.length]!;
}
