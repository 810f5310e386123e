import { describe, expect, it } from 'vitest';
import { tallyReport } from './test-report.ts';

const suite = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe('the count at the end of a test run', () => {
  it('adds up passed and failed tests of all files', () => {
    const report = {
      testResults: [suite('passed', 'passed', 'passed'), suite('failed', 'passed', 'failed')],
    };
    expect(tallyReport(report, 1)).toEqual({ passed: 3, failed: 1 });
  });

  it('counts a runner that crashed without a report as failed', () => {
    expect(tallyReport(undefined, 1)).toEqual({ passed: 0, failed: 1 });
    expect(tallyReport(undefined, 0)).toEqual({ passed: 0, failed: 1 });
  });

  it('counts a run without tests as failed', () => {
    expect(tallyReport({ testResults: [] }, 0)).toEqual({ passed: 0, failed: 1 });
  });

  it('counts a file that does not load as failed', () => {
    const report = { testResults: [suite('failed'), suite('passed', 'passed')] };
    expect(tallyReport(report, 1)).toEqual({ passed: 1, failed: 1 });
  });

  it('counts skipped and todo tests as failed', () => {
    const report = { testResults: [suite('passed', 'passed', 'skipped', 'todo')] };
    expect(tallyReport(report, 0)).toEqual({ passed: 1, failed: 2 });
  });

  it('counts an error outside of any test as failed', () => {
    expect(tallyReport({ testResults: [suite('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1 });
  });
});
