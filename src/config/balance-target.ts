import type { BalanceCandidate, RouteTarget } from '#core-config';
import type { ReadConfig } from './config-schema.ts';
import type { Preference } from './preference.ts';
import type { NamedProvider, ReadTarget } from './route-readers.ts';

interface Grades {
  readonly speed: number;
  readonly cost: number;
  readonly quality: number;
}

/** Of a provider without a profile, and for the grades that a profile leaves out. */
const gradeDefault = 5;

/**
 * Where a rule leads, with the grades of all who may answer, best first; of equals the one that was named first. What
 * the task says counts more than what is preferred in general, and what the rule says more than both.
 */
export function resolveTarget(
  written: ReadTarget,
  config: Pick<ReadConfig, 'routing' | 'providers'>,
): RouteTarget {
  if (written.kind === 'one') return written.target;
  const { routing } = config;
  const task = written.task === undefined ? undefined : ownValue(routing.tasks, written.task);
  const preference = written.preference ?? task?.preference ?? routing.preferences.default;
  const providers = task?.providers ?? Object.keys(config.providers);
  const named: readonly NamedProvider[] = written.providers ?? providers.map((provider) => ({ provider }));
  const candidates = named.map(({ provider, model = written.model, weight }): BalanceCandidate => {
    const grades = gradesOf(provider, config);
    return {
      provider,
      score: scoreOf(grades, preference),
      weight: weight ?? weightOf(grades),
      ...(model === undefined ? {} : { model }),
    };
  });
  const ranked = candidates.toSorted((one, other) => other.score - one.score);
  const best = ranked[0];
  if (best === undefined) throw new Error('a rule leads to no provider, and was resolved without a check');
  const by = written.task === undefined ? preference : `${preference} for task ${written.task}`;
  return {
    provider: best.provider,
    ...(best.model === undefined ? {} : { model: best.model }),
    among: { by, candidates: ranked },
  };
}

function gradesOf(provider: string, { routing }: Pick<ReadConfig, 'routing'>): Grades {
  const { speed, cost, quality } = ownValue(routing.provider_profiles, provider) ?? {};
  return { speed: speed ?? gradeDefault, cost: cost ?? gradeDefault, quality: quality ?? gradeDefault };
}

function scoreOf({ speed, cost, quality }: Grades, preference: Preference): number {
  switch (preference) {
    case 'cost':
      return 2 * cost + quality;
    case 'speed':
      return 2 * speed + quality;
    case 'quality':
      return 3 * quality;
    case 'balanced':
      return speed + cost + quality;
  }
}

/** Rounded, because it stands in reasons. */
function weightOf({ speed, cost, quality }: Grades): number {
  return Math.round(((speed + cost + quality) / 3) * 100) / 100;
}

function ownValue<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
