import { describe, expect, it } from 'vitest';
import { type Accounts, lossReport } from './loss-report.ts';
import { steadyAnswer, steadyRequest } from './steady-exchange.ts';
import type { SteadyExchange } from './steady-load.ts';

const longEvents = 4;

function exchange(marker: SteadyExchange['marker'], over: Partial<SteadyExchange> = {}): SteadyExchange {
  return { marker, kind: 'kept', sentAtMs: 1_000, endedAtMs: 1_010, end: 'answered', bodyBytes: 9, ...over };
}

function row(marker: string, over: Partial<Accounts['stored'][number]> = {}): Accounts['stored'][number] {
  return {
    sessionId: marker,
    outcome: 'complete',
    requestBytes: steadyRequest(marker).length,
    responseBytes: steadyAnswer(marker, longEvents).join('').length,
    ...over,
  };
}

function report(over: Partial<Accounts>) {
  const exchanges = over.exchanges ?? [];
  const arrivals = exchanges.map(
    ({ marker, sentAtMs }) => [marker, { firstAtMs: sentAtMs, times: 1, altered: 0 }] as const,
  );
  return lossReport({
    exchanges,
    received: new Map(arrivals),
    stored: [],
    longEvents,
    unlike: new Set(),
    kills: [],
    ...over,
  });
}

describe('the report of losses', () => {
  it('is content with what was answered and stored', () => {
    const all = report({
      exchanges: [exchange('kept-1'), exchange('long-2', { kind: 'long' })],
      stored: [row('kept-1'), row('long-2')],
    });
    expect(all).toMatchObject({ sent: 2, answered: 2, recorded: { complete: 2 }, unexplained: [] });
  });

  it('names what is missing, twice there, of other bytes, or stored without having been sent', () => {
    const all = report({
      exchanges: [exchange('kept-1'), exchange('kept-2'), exchange('kept-3'), exchange('kept-4')],
      stored: [
        row('kept-2'),
        row('kept-2'),
        row('kept-3', { responseBytes: 7 }),
        row('kept-4'),
        row('kept-5'),
      ],
      unlike: new Set(['kept-4']),
    });
    expect(all).toMatchObject({ missing: 1, duplicated: 1, bytesDiffering: 2 });
    expect(all.unexplained).toEqual([
      'kept-1 is not stored',
      'kept-2 is stored 2 times',
      'kept-3 has other bytes',
      'kept-4 has other bytes',
      'kept-5 is stored, not sent',
    ]);
  });

  it('names refused and broken connections, other answers, and what the provider got twice', () => {
    const all = report({
      exchanges: [
        exchange('kept-1', { end: 'refused' }),
        exchange('kept-2', { end: 'broken' }),
        exchange('kept-3', { end: 'not-200' }),
        exchange('kept-4'),
      ],
      received: new Map([['kept-4', { firstAtMs: 1_000, times: 2, altered: 0 }]]),
      stored: [row('kept-4')],
    });
    expect(all).toMatchObject({ refused: 1, reset: 1, answeredOtherwise: 1, answered: 1 });
    expect(all.unexplained).toEqual([
      'kept-1 was refused',
      'kept-2 was reset',
      'kept-3 was not-200',
      'kept-4 reached the provider 2 times',
    ]);
  });

  it('takes a kill as the reason for what was open at that moment, and for nothing else', () => {
    const exchanges = [
      exchange('kept-1', { end: 'broken', sentAtMs: 1_000, endedAtMs: 2_001 }),
      exchange('kept-2', { end: 'broken', sentAtMs: 1_000, endedAtMs: 1_990 }),
      exchange('kept-3', { end: 'broken', sentAtMs: 2_006, endedAtMs: 9_000 }),
      exchange('kept-4', { end: 'broken', sentAtMs: 1_999, endedAtMs: 2_001 }),
    ];
    const all = report({
      exchanges,
      kills: [{ fromMs: 2_000, untilMs: 2_005 }],
      stored: [
        row('kept-1', { outcome: 'interrupted', responseBytes: 0 }),
        row('kept-2', { outcome: 'interrupted' }),
        row('kept-3', { outcome: 'interrupted' }),
      ],
    });
    expect(all).toMatchObject({ openAtKill: 2, reset: 2, missing: 0, recorded: { interrupted: 3 } });
    expect(all.unexplained).toEqual(['kept-2 was reset', 'kept-3 was reset', 'kept-3 is stored interrupted']);
  });

  it('wants a record of what was open at a kill when it had long reached the provider', () => {
    const all = report({
      exchanges: [exchange('long-1', { end: 'broken', sentAtMs: 1_000, endedAtMs: 2_001 })],
      kills: [{ fromMs: 2_000, untilMs: 2_005 }],
    });
    expect(all).toMatchObject({ openAtKill: 1, missing: 1, unexplained: ['long-1 is not stored'] });
    const justBegun = report({
      exchanges: [exchange('long-1', { end: 'broken', sentAtMs: 1_990, endedAtMs: 2_001 })],
      kills: [{ fromMs: 2_000, untilMs: 2_005 }],
    });
    expect(justBegun).toMatchObject({ openAtKill: 1, openAtKillUnrecorded: 1, unexplained: [] });
  });

  it('lets a client leave, with whatever had arrived by then', () => {
    const all = report({
      exchanges: [exchange('leaving-1', { end: 'left' }), exchange('leaving-2', { end: 'left' })],
      stored: [row('leaving-1', { outcome: 'client-aborted' }), row('leaving-2')],
    });
    expect(all).toMatchObject({ left: 2, unexplained: [] });
  });
});
