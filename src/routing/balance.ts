import type { BalanceCandidate, BalanceGroup } from '#core-config';
import { placeOf } from './place.ts';

/** How often each of several was chosen. Only their proportion counts. */
export type Counts = readonly number[];

/** What is known when one of several providers has to be chosen. */
export interface BalanceState {
  /** Whether a provider is not asked at the moment, because it kept failing with this model (undefined: any model). */
  isOpen(provider: string, model: string | undefined): boolean;
  /** What was chosen so far among a group; undefined at the beginning. */
  countsOf(group: string): Counts | undefined;
}

export interface Balanced {
  readonly candidate: BalanceCandidate;
  /** Why this one, as the end of a sentence. */
  readonly reason: string;
  /** To be remembered for the group; absent when nothing was counted. */
  readonly counts?: Counts;
}

/** Further ones are reserves. */
const sharersMax = 3;
/** So that what happened long ago does not weigh for ever. */
const countsMax = 1000;

/**
 * Chooses who answers: of those that are not broken off the best three share the work by their weights. A session stays
 * with the one that it has, so that its cache stays warm: its place follows from its name alone, which holds across
 * workers, restarts and upgrades. What has no session goes to the one that had the least for its weight.
 */
export function chooseAmong(
  { by, candidates }: BalanceGroup,
  {
    session,
    counts: countsSoFar,
    isOpen,
  }: {
    readonly session: string | undefined;
    readonly counts: Counts | undefined;
    readonly isOpen: BalanceState['isOpen'];
  },
): Balanced {
  const isClosed = candidates.map(({ provider, model }) => !isOpen(provider, model));
  const willing = candidates.flatMap((_, index) => (isClosed[index] ? [index] : []));
  const sharers = willing.slice(0, sharersMax);
  const away = candidates.length - willing.length;
  const notes = away === 0 ? '' : `, ${away} of ${candidates.length} broken off`;
  if (sharers.length === 0) {
    return { candidate: candidates[0]!, reason: `best by ${by}, although all are broken off` };
  }
  const [only] = sharers;
  if (sharers.length === 1) {
    const why = candidates.length === 1 ? 'the only one' : 'the only one left';
    return { candidate: candidates[only!]!, reason: `${why} by ${by}${notes}` };
  }
  const weights = sharers.map((index) => candidates[index]!.weight);
  const share = (at: number): string =>
    `share ${weights[at]} of ${Math.round(sum(weights) * 100) / 100} by ${by}${notes}`;
  if (session !== undefined) {
    const names = sharers.map((index) => nameOf(candidates[index]!));
    const at = placeOf(session, names, weights);
    return { candidate: candidates[sharers[at]!]!, reason: `the place of this session, ${share(at)}` };
  }
  // Counted for all candidates, so that one that was away is not flooded when it is back.
  const counts = countsSoFar?.length === candidates.length ? countsSoFar : candidates.map(() => 0);
  const at = leastUsed(
    sharers.map((index) => counts[index]!),
    weights,
  );
  return {
    candidate: candidates[sharers[at]!]!,
    reason: `its turn, ${share(at)}`,
    counts: counted(counts, sharers[at]!),
  };
}

/** Index of the one that was chosen least for its weight; the first of equals. Weight 0 only when all are 0. */
export function leastUsed(counts: Counts, weights: readonly number[]): number {
  const isAllZero = weights.every((weight) => weight <= 0);
  let best = -1;
  let bestRatio = Number.POSITIVE_INFINITY;
  for (const [index, weight] of weights.entries()) {
    if (weight <= 0 && !isAllZero) continue;
    const ratio = (counts[index] ?? 0) / (isAllZero ? 1 : weight);
    if (best < 0 || ratio < bestRatio) [best, bestRatio] = [index, ratio];
  }
  return best;
}

/** One more for an index; all are halved before they grow without end. */
export function counted(counts: Counts, index: number): Counts {
  const next = counts.map((count, at) => (at === index ? count + 1 : count));
  return sum(next) > countsMax * next.length ? next.map((count) => Math.floor(count / 2)) : next;
}

function nameOf({ provider, model }: BalanceCandidate): string {
  return model === undefined ? provider : `${provider}:${model}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
