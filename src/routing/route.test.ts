import { describe, expect, it } from 'vitest';
import type { RouteRule } from '#core-config';
import type { Known } from './known.ts';
import { type Decision, route } from './route.ts';

const main = { name: 'main', format: 'anthropic' } as const;
const other = { name: 'other', format: 'openai' } as const;
const known: Known = { method: 'POST', path: '/v1/messages', headers: ['Host', 'h'], minuteOfDay: 600 };
const decide = (
  more: Partial<Known>,
  routes: readonly RouteRule[] = [],
  providers: (typeof main | typeof other)[] = [main, other],
) => route({ ...known, ...more }, { providers, defaultProvider: 'main', routes });
const rule = (when: RouteRule['when'], more: Partial<RouteRule> = {}): RouteRule => ({
  name: 'rule 1',
  when,
  to: { provider: 'other', model: 'gpt-5' },
  ...more,
});
const provider = (decision: Decision) =>
  decision.kind === 'route' ? decision.route.provider.name : decision.kind;
const reason = (decision: Decision) => (decision.kind === 'route' ? decision.route.reason : '');

describe('route', () => {
  it('takes the default provider and says why', () => {
    expect(provider(decide({}))).toBe('main');
    expect(reason(decide({}))).toMatch(/default provider/);
    expect(reason(decide({ agentId: 'a0123' }))).toContain('a0123');
  });

  it('is a problem when the provider does not exist', () => {
    expect(decide({}, [], [other])).toMatchObject({ problem: { code: 'no-provider' } });
    expect(decide({}, [rule({})], [main])).toMatchObject({ problem: { code: 'no-provider' } });
  });

  it('takes the first rule that holds, and its sentence', () => {
    const rules = [
      rule({ tag: ['shop'] }, { name: 'rule 1' }),
      rule({ path: ['/v1/messages'] }, { name: 'rule 2 (cheap)', because: 'it is enough' }),
      rule({}, { name: 'rule 3' }),
    ];
    expect(decide({}, rules)).toEqual({
      kind: 'route',
      route: { provider: other, model: 'gpt-5', reason: 'rule 2 (cheap): it is enough' },
    });
    expect(reason(decide({ tag: 'shop' }, rules))).toBe('rule 1');
  });

  it('asks for the body or the name of the agent only when nothing else rules the rule out', () => {
    const rules = [rule({ tag: ['shop'], agent: ['reviewer'], model: ['claude-*'] })];
    expect(provider(decide({ agentId: 'a1' }, rules))).toBe('main');
    expect(decide({ agentId: 'a1', tag: 'shop' }, rules)).toEqual({ kind: 'missing', missing: 'agent-name' });
    expect(provider(decide({ tag: 'shop', agentName: null }, rules))).toBe('main');
    const named = { tag: 'shop', agentName: 'reviewer' };
    expect(decide(named, rules)).toEqual({ kind: 'missing', missing: 'body' });
    expect(provider(decide({ ...named, body: { bytes: 9, model: 'claude-x' } }, rules))).toBe('other');
    expect(provider(decide({ ...named, body: { bytes: 9 } }, rules))).toBe('main');
  });

  it('knows tools, thinking, sizes, sessions, classes and headers', () => {
    const body = { bytes: 500, model: 'm', tools: ['Bash', 'mcp__db__query'], isThinking: true };
    for (const when of [
      { tool: ['mcp__*'] },
      { thinking: true },
      { bodyBytes: { min: 100, max: 1000 } },
      { session: ['s-1'] },
      { class: ['sub*'] },
      { header: { 'X-Team': ['red', 'blue'] } },
    ] satisfies RouteRule['when'][]) {
      const asked = { body, sessionId: 's-1', requestClass: 'subagent', headers: ['x-team', 'blue'] };
      expect(provider(decide(asked, [rule(when)]))).toBe('other');
      expect(provider(decide({ body: { bytes: 1 } }, [rule(when)]))).toBe('main');
    }
  });

  it('knows times of the day, also across midnight', () => {
    const night = [rule({ time: { fromMinute: 22 * 60, toMinute: 6 * 60 } })];
    const at = (hour: number) => provider(decide({ minuteOfDay: hour * 60 }, night));
    expect([at(23), at(3), at(6), at(12)]).toEqual(['other', 'other', 'main', 'main']);
  });

  it('never reroutes an auxiliary request, as the classifier sends it', () => {
    const decision = decide({ requestClass: 'auxiliary' }, [rule({})]);
    expect(provider(decision)).toBe('main');
    expect(reason(decision)).toContain('never rerouted');
  });

  it('never reroutes what looks like a safety check, which old and new clients send without a class', () => {
    const check = { mayBeSafetyCheck: true };
    expect(provider(decide(check))).toBe('main');
    expect(provider(decide(check, [rule({ tag: ['shop'] })]))).toBe('main');
    expect(decide(check, [rule({})])).toEqual({ kind: 'missing', missing: 'body' });
    const decision = decide({ ...check, body: { bytes: 9, tools: [] } }, [rule({})]);
    expect(provider(decision)).toBe('main');
    expect(reason(decision)).toContain('safety check');
    expect(provider(decide({ ...check, body: { bytes: 9, tools: ['Bash'] } }, [rule({})]))).toBe('other');
  });

  it('leaves requests that no model answers alone, unless a rule names their path', () => {
    const models = { method: 'GET', path: '/v1/models' };
    expect(provider(decide(models, [rule({})]))).toBe('main');
    expect(provider(decide(models, [rule({ path: ['/v1/models'] })]))).toBe('other');
  });

  it('P15: takes the first provider in the order of the file for a client of the other format', () => {
    const second = { name: 'second', format: 'openai' } as const;
    const chat = { path: '/v1/chat/completions' };
    expect(
      provider(route({ ...known, ...chat }, { providers: [main, other, second], defaultProvider: 'main' })),
    ).toBe('other');
    expect(provider(decide(chat, [], [main]))).toBe('main');
  });

  it('sends chat completions to an Anthropic-format provider where a rule or the only default leads there', () => {
    const chat = { path: '/v1/chat/completions' };
    const toMain = decide(chat, [rule({}, { to: { provider: 'main', model: 'claude-x' } })]);
    expect(toMain).toMatchObject({ route: { provider: main, model: 'claude-x', reason: 'rule 1' } });
    expect(toMain).not.toHaveProperty('route.isUnrouted');
    expect(decide(chat, [], [main])).toMatchObject({ route: { provider: main, isUnrouted: true } });
  });

  it('passes over a rule whose provider cannot understand the client, and says so', () => {
    const decision = decide({ path: '/v1/responses' }, [rule({}, { to: { provider: 'main' } })]);
    expect(provider(decision)).toBe('other');
    expect(reason(decision)).toContain('passed over');
  });
});
