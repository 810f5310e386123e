import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endProcess, makeTempHome, ownCli, projectDirectory, startNode, waitFor } from '#test-support';

// What `make soak` runs for minutes, once through everything that can happen.
it('soak: everything is replaced, killed and locked once under load, and nothing is lost without a reason', {
  timeout: 600_000,
}, async () => {
  using home = makeTempHome('soak');
  const soak = startNode(join(projectDirectory, 'bench/soak.ts'), [], {
    env: { ...home.env, THROUGHLINE_TEST_CLI: ownCli, SOAK_MINUTES: '0.1', SOAK_PER_SECOND: '80' },
    input: '',
  });
  const ended = waitFor(() => soak.exit(), { timeoutMs: 580_000, what: () => `the soak: ${soak.stdout()}` });
  // It ends by itself; a test that is given up must not leave it behind.
  await ended.catch(() => endProcess(soak));
  console.log(soak.stdout());
  expect(soak.exit(), soak.stdout() + soak.stderr()).toEqual({ code: 0, signal: null });
  for (const name of ['replace', 'kill'])
    for (const service of ['core', 'recorder', 'data'])
      expect(soak.stdout()).toMatch(new RegExp(`^  ${name} ${service} +[1-9]`, 'm'));
  expect(soak.stdout()).toMatch(/^ {2}replace supervisor +[1-9]/m);
  expect(soak.stdout()).toMatch(/^ {2}lock database +[1-9]/m);
  expect(soak.stdout()).toMatch(/^ {2}unexplained +0 +0$/m);
  const answered = Number(/^ {2}answered, every byte +(\d+)$/m.exec(soak.stdout())?.[1]);
  expect(answered).toBeGreaterThan(100);
});
