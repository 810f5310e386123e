import { expect, it } from 'vitest';
import { metricLines } from './metric.ts';

it('a metric keeps to its line, whatever its labels are called', () => {
  const counts = [['a "name" with \\ and\nmore', 3]] as const;
  expect(
    metricLines({ name: 'throughline_x_total', help: 'Some.', values: { label: 'provider', counts } }),
  ).toEqual([
    '# HELP throughline_x_total Some.',
    '# TYPE throughline_x_total counter',
    'throughline_x_total{provider="a \\"name\\" with \\\\ and\\nmore"} 3',
  ]);
});
