import type { RouteBody } from '#api';
import type { SessionProject } from '#store';
import type { Handlers } from '../handler.ts';
import { instantText } from '../request-summary.ts';
import { type Ask, addUp, askForSums, groupRows, type SumRow, sumsBody, totalTokens } from '../sum-rows.ts';

type ProjectBody = RouteBody<'projects.list'>['projects'][number];

/** Sessions whose times are asked for; sums are of all of them. */
const sessionsMax = 100_000;

/** Where sessions worked, and what that cost. */
export function projectHandlers(ask: Ask): Handlers<'projects.list'> {
  return {
    'projects.list': async ({ query: { limit, offset } }) => {
      const [sessions, recorded, rows] = await Promise.all([
        ask('conversations.projects', undefined),
        ask('statistics.sessions', { limit: sessionsMax }),
        askForSums(ask, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, by: ['session'] }),
      ]);
      const projects = projectsOf({
        sessions,
        rows,
        recordedAt: new Map(recorded.map(({ sessionId, lastAtMs }) => [sessionId, lastAtMs])),
      });
      const page = projects.slice(offset, offset + limit).map(({ body }) => body);
      return { body: { projects: page, total: projects.length, limit, offset } };
    },
  };
}

interface Found {
  readonly sessions: readonly SessionProject[];
  /** By session. */
  readonly rows: readonly SumRow[];
  /** When something was recorded last, by session. */
  readonly recordedAt: ReadonlyMap<string, number>;
}

function projectsOf({ sessions, rows, recordedAt }: Found) {
  const placeOf = new Map(sessions.map((session) => [session.sessionId, session]));
  const rowsOf = groupRows(rows, ({ values }) => placeOf.get(String(values[0]))?.project ?? null);
  const sessionsOf = groupRows<SessionProject, string | null>(sessions, ({ project }) => project);
  const all = [...new Set([...sessionsOf.keys(), ...rowsOf.keys()])].map((project) => {
    const some = rowsOf.get(project) ?? [];
    const places = sessionsOf.get(project) ?? [];
    const named = some.flatMap(({ values }) => (values[0] === null ? [] : [String(values[0])]));
    const ids = new Set([...named, ...places.map(({ sessionId }) => sessionId)]);
    const times = [
      ...places.map(({ lastAtMs }) => lastAtMs),
      ...named.flatMap((id) => recordedAt.get(id) ?? []),
    ];
    const lastMs = times.reduce((latest, atMs) => Math.max(latest, atMs), 0);
    return { lastMs, body: projectBody(project, { places, lastMs, sessions: ids.size, sum: addUp(some) }) };
  });
  return all.sort(
    (one, other) =>
      other.lastMs - one.lastMs || ((one.body.project ?? '') < (other.body.project ?? '') ? -1 : 1),
  );
}

interface ProjectFacts {
  readonly places: readonly SessionProject[];
  readonly lastMs: number;
  readonly sessions: number;
  readonly sum: ReturnType<typeof addUp>;
}

function projectBody(project: string | null, { places, lastMs, sessions, sum }: ProjectFacts): ProjectBody {
  return {
    project,
    name: project?.split(/[\\/]/).findLast((part) => part !== '') ?? null,
    projectPath: places[0]?.directory ?? null,
    sessions,
    lastSeen: lastMs === 0 ? null : instantText(lastMs),
    requests: sum.requests,
    ...sumsBody(sum),
    totalTokens: totalTokens(sum),
  };
}
