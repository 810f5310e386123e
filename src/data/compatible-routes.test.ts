import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contract, type Route } from '#api';
import { type CompatibleFixture, startCompatibleFixture } from './testing/compatible-fixture.ts';
import {
  type CompatibleRoute,
  compatibleRoutes,
  type Question,
  type Shape,
} from './testing/compatible-routes.ts';

let fixture: CompatibleFixture;
let empty: CompatibleFixture;
let names: Readonly<Record<string, string>>;
beforeAll(async () => {
  [fixture, empty] = await Promise.all([startCompatibleFixture(), startCompatibleFixture({ isEmpty: true })]);
  const { plans } = (await fixture.server.json('/api/v2/claude/plans')) as { plans: { id: number }[] };
  names = { ...fixture.names, plan: String(plans[0]?.id) };
});
afterAll(() => Promise.all([fixture?.[Symbol.asyncDispose](), empty?.[Symbol.asyncDispose]()]));

/** The routes of the system before, in the order of its own table. */
const routesToKeep = `
GET /api/requests
GET /api/requests/summary
GET /api/requests/latest-date
GET /api/requests/{id}
DELETE /api/requests
GET /api/stats
GET /api/stats/hourly
GET /api/stats/models
GET /api/stats/providers
GET /api/stats/subagents
GET /api/stats/tools
GET /api/stats/performance
GET /api/conversations
GET /api/conversations/{id}
GET /api/conversations/project
GET /api/conversations/search
GET /api/v2/conversations/search
GET /api/v2/requests/summary
GET /api/v2/requests/{id}
GET /api/v2/conversations
GET /api/v2/conversations/{id}
GET /api/v2/conversations/{id}/messages
POST /api/v2/conversations/reindex
GET /api/v2/stats
GET /api/v2/stats/hourly
GET /api/v2/stats/models
GET /api/v2/stats/providers
GET /api/v2/stats/subagents
GET /api/v2/stats/tools
GET /api/v2/stats/performance
GET /api/v2/config
GET /api/v2/config/providers
GET /api/v2/config/subagents
GET /api/v2/routing/config
GET /api/v2/routing/providers
GET /api/v2/routing/stats
GET /api/v2/claude/config
GET /api/v2/claude/projects
GET /api/v2/claude/projects/{id}
GET /api/v2/claude/todos
GET /api/v2/claude/todos/{id}
POST /api/v2/claude/todos/reindex
GET /api/v2/claude/plans
GET /api/v2/claude/plans/{id}`
  .trim()
  .split('\n');
const rows = Object.entries(compatibleRoutes);

describe('the table of routes that older clients call', () => {
  it('has a row for each of them, and the contract has each', () => {
    expect(rows.map(([route]) => route).sort()).toEqual([...routesToKeep].sort());
    const served = new Map(
      Object.values<Route>(contract).map(({ method, path, query }) => [`${method} ${path}`, query.shape]),
    );
    for (const [route, { takes }] of rows)
      expect(Object.keys(served.get(route) ?? {}), route).toEqual(expect.arrayContaining([...takes]));
    for (const route of routesToKeep) expect([...served.keys()]).toContain(route);
  });

  it('asks with every parameter and for every status', () => {
    for (const [route, { takes, statuses, asks }] of rows) {
      const used = new Set(asks.flatMap(({ query }) => [...new URLSearchParams(query).keys()]));
      expect([...used].sort(), route).toEqual([...takes].sort());
      const got = new Set(asks.map(({ status = 200 }) => status));
      expect([...got].sort(), route).toEqual(statuses);
    }
  });
});

describe('older clients', () => {
  it.each(rows)('get from %s what they were promised', async (route, row) => {
    const seen = new Set<string>();
    for (const question of row.asks) {
      const what = `${route} ${question.id ?? ''}?${question.query ?? ''}`;
      const { status, headers, body } = await ask(fixture, route, question);
      const expected = named(question.body);
      expect(status, what).toBe(question.status ?? 200);
      if (Array.isArray(expected)) expect(body, what).toMatchObject(expected);
      else expect(body, what).toMatchObject(Object(expected));
      for (const [name, value] of Object.entries(question.headers ?? {}))
        expect(headers.get(name), `${what} ${name}`).toBe(value);
      if (status === 200) checkKeys(body, { route, shape: row.keys, seen });
      else expect(errorKeys(body), what).toEqual(['code', 'error']);
    }
    // The two files of the configuration that are missing are so in the empty one.
    const rest = await ask(empty, route, questionOfEmpty(row));
    if (rest.status === 200) checkKeys(rest.body, { route, shape: row.keys, seen });
    for (const [path, keys] of Object.entries(row.keys)) {
      if (typeof keys === 'string') continue;
      for (const key of wordsOf(keys.sometimes)) expect(seen, route).toContain(`${path} ${key}`);
    }
  });

  it.each(rows)('get an answer from %s where nothing was ever recorded', async (route, row) => {
    const { status, headers, body } = await ask(empty, route, questionOfEmpty(row));
    expect([status, body]).toMatchObject([row.empty.status ?? 200, row.empty.body]);
    for (const [name, value] of Object.entries(row.empty.headers ?? {}))
      expect(headers.get(name)).toBe(value);
  });
});

describe('the log', () => {
  it('I13: holds no statement and no text of a question, whatever was asked', async () => {
    for (const [route, { asks }] of rows.filter(([route]) => route.startsWith('GET')))
      for (const question of asks) await ask(fixture, route, question);
    const lines = fixture.server.logged.map((line) => JSON.stringify(line));
    expect(lines.filter((line) => /\b(?:SELECT|FROM|WHERE|zebra)\b/.test(line))).toEqual([]);
  });
});

/** The first question that is answered with something. */
function questionOfEmpty({ asks }: CompatibleRoute): Question {
  return asks.find(({ status = 200, isUnintended }) => status === 200 && !isUnintended)!;
}

async function ask({ server }: CompatibleFixture, route: string, { id, query, isUnintended }: Question) {
  const [method, path] = route.split(' ') as [string, string];
  const address = `${path.replace('{id}', named(id ?? '') as string)}?${query ?? ''}`;
  const answer = await server.get(address, {
    method,
    headers: isUnintended ? {} : { 'x-throughline-request': '1' },
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as unknown };
}

/** The same with `{…}` replaced by what it stands for; matchers stay as they are. */
function named(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\{(\w+)\}/g, (whole, name) => names[name] ?? whole);
  if (Array.isArray(value)) return value.map(named);
  if (typeof value !== 'object' || value === null || 'asymmetricMatch' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, named(each)]));
}

interface KeyCheck {
  readonly route: string;
  readonly shape: Shape;
  readonly seen: Set<string>;
}

/** Fails on a key that is missing, and on one that the table does not have. */
function checkKeys(value: unknown, check: KeyCheck, path = ''): void {
  if (Array.isArray(value)) {
    for (const each of value) checkKeys(each, check, `${path}[]`);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const keys = check.shape[path];
  const what = `${check.route}: ${path}`;
  expect(keys, `an object at ${what}`).toBeDefined();
  if (keys === undefined || keys === 'free') return;
  const known = keys === 'map' ? Object.keys(value) : Object.values(keys).flatMap(wordsOf);
  if (keys !== 'map') expect(Object.keys(value), what).toEqual(expect.arrayContaining(wordsOf(keys.always)));
  for (const [key, each] of Object.entries(value)) {
    expect(known, what).toContain(key);
    check.seen.add(`${path} ${key}`);
    const below = keys === 'map' ? '*' : key;
    checkKeys(each, check, path === '' ? below : `${path}.${below}`);
  }
}

function wordsOf(text: string | undefined): string[] {
  return text?.split(' ') ?? [];
}

function errorKeys(body: unknown): string[] {
  return Object.keys(Object(body)).sort();
}
