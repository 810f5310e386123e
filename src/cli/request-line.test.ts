import { describe, expect, it } from 'vitest';
import type { RequestSummary } from '#api';
import { duration, requestLine } from './request-line.ts';

const row: RequestSummary = {
  requestId: '0123456789abcdef0123456789abcdef',
  timestamp: '2026-01-02T03:04:05.678Z',
  method: 'POST',
  endpoint: '/v1/messages',
  model: 'asked',
  answeredModel: 'answered',
  outcome: 'complete',
  isStreaming: true,
  statusCode: 200,
  usage: { input_tokens: 12, output_tokens: 34_567, cache_read_input_tokens: 2_500_000 },
  responseTime: 1234,
  sessionId: 'aabbccdd-0000',
  requestBytes: 1,
  responseBytes: 2,
  sequence: 3,
};

describe('the line of a request', () => {
  it('tells what happened, to which model, how it went, and whose it is', () => {
    const words = requestLine(row).split(/\s{2,}/);
    expect(words.slice(1)).toEqual([
      '89abcdef',
      'POST',
      '/v1/messages',
      'answered',
      '200',
      'in 12 out 35k cache 2.5M',
      '1.2 s',
      'aabbccdd',
    ]);
    expect(words[0]).toMatch(/^\d\d:\d\d:\d\d$/);
  });

  it('leaves out what is unknown instead of calling it zero', () => {
    const { statusCode: _status, usage: _usage, responseTime: _time, ...rest } = row;
    expect(requestLine({ ...rest, outcome: 'client-aborted' })).toMatch(
      /answered +--- client-aborted +- +- +aabbccdd$/,
    );
  });

  it('shows no control character of a client on the terminal', () => {
    expect(requestLine({ ...row, endpoint: '/v1/\u001b[2J\n\u202e', answeredModel: '\u0007' })).not.toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      /[\u0000-\u001f\u007f\u202e]/,
    );
  });
});

it.each([
  [undefined, '-'],
  [0.4, '0 ms'],
  [999, '999 ms'],
  [1500, '1.5 s'],
  [600_000, '10 min'],
])('%s milliseconds are shown as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
