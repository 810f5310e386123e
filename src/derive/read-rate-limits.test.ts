import { describe, expect, it } from 'vitest';
import { readRateLimits } from './read-rate-limits.ts';

const atMs = Date.UTC(2026, 0, 1, 10);
const read = (...headers: string[]) => readRateLimits(headers, atMs);

describe('limits in the head of an answer', () => {
  it('are those of requests and tokens', () => {
    expect(
      read(
        'Anthropic-RateLimit-Requests-Limit',
        '50',
        'anthropic-ratelimit-requests-remaining',
        '40',
        'anthropic-ratelimit-requests-reset',
        '2026-01-01T10:01:00Z',
        'anthropic-ratelimit-input-tokens-limit',
        '1000',
        'anthropic-ratelimit-input-tokens-remaining',
        '0',
      ),
    ).toEqual([
      { window: 'requests', limit: 50, remaining: 40, used: expect.closeTo(0.2), resetsAtMs: atMs + 60_000 },
      { window: 'input-tokens', limit: 1000, remaining: 0, used: 1 },
    ]);
  });

  it('are the windows of subscriptions', () => {
    expect(
      read(
        'anthropic-ratelimit-unified-status',
        'allowed_warning',
        'anthropic-ratelimit-unified-reset',
        '1767268800',
        'anthropic-ratelimit-unified-representative-claim',
        'five_hour',
        'anthropic-ratelimit-unified-5h-status',
        'allowed',
        'anthropic-ratelimit-unified-5h-reset',
        '1767268800',
        'anthropic-ratelimit-unified-5h-utilization',
        '0.25',
        'anthropic-ratelimit-unified-7d-utilization',
        '1.02',
      ),
    ).toEqual([
      { window: 'unified', status: 'allowed_warning', resetsAtMs: Date.UTC(2026, 0, 1, 12) },
      { window: '5h', status: 'allowed', resetsAtMs: Date.UTC(2026, 0, 1, 12), used: 0.25 },
      { window: '7d', used: 1.02 },
    ]);
  });

  it('are those of OpenAI, whose times are distances', () => {
    expect(
      read(
        'x-ratelimit-limit-requests',
        '100',
        'x-ratelimit-remaining-requests',
        '75',
        'x-ratelimit-reset-requests',
        '6m0.5s',
        'x-ratelimit-reset-tokens',
        '20ms',
      ),
    ).toEqual([
      { window: 'requests', limit: 100, remaining: 75, used: 0.25, resetsAtMs: atMs + 360_500 },
      { window: 'tokens', resetsAtMs: atMs + 20 },
    ]);
  });

  it('are left out where they are no limits', () => {
    expect(
      read(
        'retry-after',
        '10',
        'anthropic-ratelimit-requests-limit',
        'many',
        'anthropic-ratelimit-tokens-reset',
        'soon',
        'anthropic-ratelimit-tokens-remaining',
        '-1',
        'anthropic-ratelimit-x-status',
        '<script>',
        'x-ratelimit-reset-requests',
        '1e9s',
        `x-ratelimit-limit-${'a'.repeat(100)}`,
        '1',
        'x-ratelimit-limit-__proto__',
        '1',
      ),
    ).toEqual([]);
    const many = Array.from({ length: 100 }, (_, n) => [`x-ratelimit-limit-w${n}`, '1']).flat();
    expect(read(...many)).toHaveLength(16);
  });
});
