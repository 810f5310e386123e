export interface Tally {
  passed: number;
  failed: number;
}

interface SuiteReport {
  readonly status?: unknown;
  readonly assertionResults?: readonly { readonly status?: unknown }[];
}

/**
 * Counts the JSON report of a test run. Whatever is not a passed test is a failed one, and a run that ended badly or
 * tested nothing never counts as green.
 * @param report what the runner wrote; undefined when it wrote nothing
 * @param exitCode of the runner
 */
export function tallyReport(report: unknown, exitCode: number): Tally {
  const suites = (report as { testResults?: readonly SuiteReport[] } | undefined)?.testResults ?? [];
  const tally: Tally = { passed: 0, failed: 0 };
  for (const { status, assertionResults = [] } of suites) {
    const passed = assertionResults.filter((test) => test.status === 'passed').length;
    tally.passed += passed;
    tally.failed += assertionResults.length - passed;
    // A file that does not load, or whose hooks fail, is reported without a failing test.
    if (status !== 'passed' && passed === assertionResults.length) tally.failed += 1;
  }
  const nothingWasTested = tally.passed + tally.failed === 0;
  const brokeElsewhere = exitCode !== 0 && tally.failed === 0;
  if (nothingWasTested || brokeElsewhere) tally.failed += 1;
  return tally;
}
