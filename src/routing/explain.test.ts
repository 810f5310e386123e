import { describe, expect, it } from 'vitest';
import { explainRoute } from './explain.ts';

const table = {
  providers: [
    { name: 'anthropic', format: 'anthropic' },
    { name: 'openai', format: 'openai' },
  ],
  defaultProvider: 'anthropic',
  routes: [
    {
      name: 'rule 1',
      when: { agent: ['reviewer'], model: ['claude-*'] },
      to: { provider: 'openai', model: 'gpt-5' },
    },
    { name: 'rule 2', when: { tag: ['gone'] }, to: { provider: 'nobody' } },
  ],
} as const;
const explain = (asked: object) => explainRoute({ minuteOfDay: 0, ...asked }, table);

describe('explainRoute', () => {
  it('says where a session has its place among several, as core would have it', () => {
    const candidates = ['anthropic', 'openai'].map((provider) => ({ provider, score: 15, weight: 5 }));
    const to = { provider: 'anthropic', among: { by: 'cost', candidates } };
    const shared = { ...table, routes: [{ name: 'rule 1', when: {}, to }] };
    const places = ['a', 'b', 'c', 'd', 'e', 'f'].map(
      (session) => explainRoute({ minuteOfDay: 0, session }, shared).reason,
    );
    expect(places).toContain('rule 1; openai is the place of this session, share 5 of 10 by cost');
    expect(places).toContain('rule 1; anthropic is the place of this session, share 5 of 10 by cost');
    expect(explainRoute({ minuteOfDay: 0 }, shared).reason).toBe(
      'rule 1; anthropic is its turn, share 5 of 10 by cost',
    );
  });

  it('says where a request would go, as what and why', () => {
    expect(explain({ agent: 'reviewer', model: 'claude-x' })).toEqual({
      provider: 'openai',
      format: 'openai',
      model: 'gpt-5',
      reason: 'rule 1',
    });
    expect(explain({ agent: 'reviewer', model: 'other' })).toMatchObject({
      provider: 'anthropic',
      model: 'other',
    });
    expect(explain({})).toMatchObject({ model: null, reason: expect.stringContaining('no rule claims it') });
  });

  it('says that a rule leads nowhere', () => {
    expect(explain({ tag: 'gone' })).toMatchObject({
      provider: null,
      reason: expect.stringContaining('nobody'),
    });
  });
});
