import { diff } from 'node:util';

/** How two texts differ, line by line: `-` is there, `+` would be written, with two lines around each change. */
export function unitDifference(there: string, wanted: string): string[] {
  const signs = { '-1': '+', '0': ' ', '1': '-' };
  const steps = diff(lines(there), lines(wanted));
  const isChange = steps.map(([operation]) => operation !== 0);
  return steps.flatMap(([operation, line], at) =>
    isChange.slice(Math.max(0, at - 2), at + 3).includes(true)
      ? [`${signs[String(operation) as keyof typeof signs]} ${line}`]
      : [],
  );
}

function lines(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}
