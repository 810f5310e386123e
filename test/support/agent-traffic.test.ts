import { describe, expect, it } from 'vitest';
import { agentRequestOf, agentTraffic } from '#test-support';

interface Body {
  readonly system: { readonly text: string }[];
  readonly tools: unknown[];
  readonly messages: { readonly role: string; readonly content: unknown }[];
}

const bodyOf = (bytes: Buffer): Body => JSON.parse(bytes.toString()) as Body;

describe('generated agent traffic', () => {
  it('has the structure and sizes of a real session', () => {
    const [first] = [...agentTraffic({ turns: 1 })];
    const body = bodyOf(first!.body);
    expect(first!.body.length).toBeGreaterThan(45_000);
    expect(first!.body.length).toBeLessThan(60_000);
    expect(body.system[0]?.text).toMatch(/^x-anthropic-billing-header:/);
    expect(body.system).toHaveLength(3);
    expect(body.tools).toHaveLength(12);
  });

  it('resends the conversation and adds two messages per turn', () => {
    const main = [...agentTraffic({ turns: 6 })].filter((request) => request.agentId === undefined);
    expect(main.map((request) => bodyOf(request.body).messages.length)).toEqual([2, 4, 6, 8, 10, 12]);
    const [second, third] = [bodyOf(main[1]!.body), bodyOf(main[2]!.body)];
    const resent = structuredClone(second.messages.slice(0, 3));
    expect(third.messages.slice(0, 3)).toEqual(resent);
    expect(JSON.stringify(second.messages[3])).toContain('cache_control');
    expect(JSON.stringify(third.messages[3])).not.toContain('cache_control');
    expect(typeof second.messages[1]?.content).toBe('string');
  });

  it('starts subagents with an id of their own in the same session', () => {
    const requests = [...agentTraffic({ turns: 8 })];
    const subagents = requests.filter((request) => request.agentId !== undefined);
    expect(subagents).toHaveLength(4);
    expect(new Set(requests.map((request) => request.sessionId)).size).toBe(1);
    expect(subagents[0]!.headers).toContainEqual(['x-claude-code-agent-id', subagents[0]!.agentId]);
  });

  it('is the same for the same seed', () => {
    const bytes = (seed: number): string =>
      [...agentTraffic({ seed, turns: 3 })].map((request) => request.body.toString()).join();
    expect(bytes(1)).toBe(bytes(1));
    expect(bytes(1)).not.toBe(bytes(2));
  });

  it.each([2_000, 10_000, 300_000, 4_000_000])('makes a request of about %i bytes', (size) => {
    const request = agentRequestOf(size);
    expect(request.body.length).toBeGreaterThan(size * 0.9);
    expect(request.body.length).toBeLessThan(size * 1.1);
  });
});
