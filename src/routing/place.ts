/**
 * Which of several belongs to a name, in proportion to their weights, always the same one (weighted rendezvous hashing):
 * when one of them is not there, only the names that had it move, and they come back with it.
 * @param among names of those to choose from, not empty
 * @param weights 0 = only when all are 0
 * @returns index in `among`
 */
export function placeOf(name: string, among: readonly string[], weights: readonly number[]): number {
  const isAllZero = weights.every((weight) => weight <= 0);
  let best = -1;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [index, each] of among.entries()) {
    const weight = isAllZero ? 1 : weights[index]!;
    if (weight <= 0) continue;
    const score = weight / -Math.log(fractionOf(`${name}\0${each}`));
    if (best < 0 || score > bestScore) [best, bestScore] = [index, score];
  }
  return best;
}

/** A number between 0 and 1 that a text always has: FNV-1a, and the final mixing of MurmurHash3 for short texts. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
