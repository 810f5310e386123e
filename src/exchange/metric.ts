/** One name on `/metrics`. Names are in base units; those that end in `_total` only ever grow. */
export interface Metric {
  readonly name: string;
  /** One sentence; docs/operating.md has the same one. */
  readonly help: string;
  /** The value, or one for each value of a label. A name without values stays visible. */
  readonly values: number | { readonly label: string; readonly counts: Iterable<readonly [string, number]> };
}

/** Lines in the text format of Prometheus (version 0.0.4). */
export function metricLines({ name, help, values }: Metric): string[] {
  const head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`];
  if (typeof values === 'number') return [...head, `${name} ${values}`];
  const lines = [...values.counts].map(
    ([value, count]) => `${name}{${values.label}="${escaped(value)}"} ${count}`,
  );
  return [...head, ...lines];
}

/** Names in a configuration may hold anything. */
function escaped(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}
