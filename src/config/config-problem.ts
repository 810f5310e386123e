/**
 * What can be wrong with a configuration. The codes are for searching and never change their meaning.
 */
export const configProblemCodes = {
  'file-unreadable': 'E1001',
  'yaml-invalid': 'E1002',
  'value-invalid': 'E1003',
  'key-unknown': 'E1004',
  'variable-undefined': 'E1005',
  'provider-invalid': 'E1006',
  'remote-refused': 'E1007',
  'database-directory-missing': 'E1008',
  'data-directory-unusable': 'E1009',
  'ports-collide': 'E1010',
  'worth-knowing': 'W1011',
  'file-system-remote': 'E1012',
  'key-moved': 'E1013',
} as const;

export interface ConfigProblem {
  readonly code: (typeof configProblemCodes)[keyof typeof configProblemCodes];
  /** What is wrong, for a person. Contains no secret. */
  readonly sentence: string;
  /** The file, or `environment` when a variable carries the value. */
  readonly file?: string;
  /** Counted from 1. */
  readonly line?: number;
  readonly column?: number;
  /** What to do about it. */
  readonly fix?: string;
  /** The lines of the file around the place, already marked; shown between sentence and fix. */
  readonly excerpt?: string;
}

/** A problem at a key, before file, line and column are known. */
export interface RuleProblem {
  readonly code: ConfigProblem['code'];
  readonly path: readonly PropertyKey[];
  readonly sentence: string;
  readonly fix?: string;
}

/** The problem as it is printed: what, where, and what to do, on up to five lines without colours. */
export function formatConfigProblem(problem: ConfigProblem): string {
  const sign = problem.code.startsWith('W') ? '⚠' : '✖';
  const lines = [`${sign} ${problem.code} ${place(problem)}${problem.sentence}`];
  if (problem.excerpt) lines.push(problem.excerpt);
  if (problem.fix) lines.push(`  ${problem.fix}`);
  return lines.join('\n');
}

function place({ file, line, column }: ConfigProblem): string {
  if (file === undefined) return '';
  return line === undefined ? `${file}  ` : `${file}:${line}:${column ?? 1}  `;
}
