/**
 * Runs everything that has to be green and ends with one line, `N passed, N failed`. Each check counts as one, so
 * does each test; a runner that crashes, a file that does not load, a test that was skipped and a run without any
 * tests are failures. Arguments are passed on to the test runner.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Tally, tallyReport } from './test-report.ts';

const root = join(import.meta.dirname, '..');
/** A run that takes longer hangs; it is ended and counts as failed. */
const runMsMax = 75 * 60_000;

const started = performance.now();
const total: Tally = { passed: 0, failed: 0 };

const checks: readonly (readonly [title: string, program: string, ...args: string[]])[] = [
  ['types', 'tsc', '--noEmit'],
  ['style', 'biome', 'check', '--diagnostic-level=warn', '.'],
  ['dead code', 'knip', '--no-progress'],
];
for (const [title, program, ...args] of checks) {
  const passed = (await run(program, args)) === 0;
  console.log(`${passed ? '✔' : '✖'} ${title}`);
  add({ passed: passed ? 1 : 0, failed: passed ? 0 : 1 });
}
add(await runTests(process.argv.slice(2)));

console.log(`took ${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runTests(args: readonly string[]): Promise<Tally> {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-report-'));
  const report = join(directory, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await run('vitest', ['run', ...reporters, ...args]);
    return tallyReport(readReport(report), code);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Resolves with the exit code; 1 when the program could not be started, was killed or hung. */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const path = join(root, 'node_modules', '.bin', program);
    const child = spawn(path, args, {
      cwd: root,
      stdio: 'inherit',
      timeout: runMsMax,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function add({ passed, failed }: Tally): void {
  total.passed += passed;
  total.failed += failed;
}
