import { execFile } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  endProcess,
  type FakeProvider,
  makeTempDir,
  makeTempHome,
  startCoreAlone,
  startFakeProvider,
  startNode,
  waitFor,
} from '#test-support';
import { projectRoot } from './imports.ts';

const empty = makeTempDir('core-alone');
const program = empty.join('core.js');
let provider: FakeProvider;

beforeAll(async () => {
  const out = makeTempDir('core-build');
  await promisify(execFile)(process.execPath, [
    join(projectRoot, 'scripts/build.ts'),
    '--out',
    out.path,
    'core',
  ]);
  expect(readdirSync(out.path)).toEqual(['core.js']);
  copyFileSync(out.join('core.js'), program);
  out.remove();
  provider = await startFakeProvider();
});
afterAll(async () => {
  await provider.close();
  empty.remove();
});

describe('the built core, alone in an empty directory', () => {
  it('forwards an exchange and leaves a journal', async () => {
    await using core = await startCoreAlone({ providerOrigin: provider.origin, program });
    const answer = await fetch(`${core.url}/v1/models`);
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(provider.requests.at(-1)?.target).toBe('/v1/models');
    expect(readdirSync(core.journalDirectory, { recursive: true }).join()).toContain('00000001.seg');
  });

  it('takes its start order from standard input when nobody supervises it', async () => {
    await using model = await startCoreAlone({ providerOrigin: provider.origin, program });
    const config = model.config;
    await model.stop();
    const home = makeTempHome('core-stdin');
    const port = await freePort();
    const order = {
      service: 'core',
      generation: 1,
      version: '0.0.0-test',
      listeners: [{ purpose: 'core', host: '127.0.0.1', port }],
      config: {
        ...config,
        dataDir: home.dataDir,
        journal: { ...config.journal, directory: join(home.dataDir, 'journal') },
      },
    };
    const core = startNode(program, [], { env: home.env, cwd: empty.path, input: JSON.stringify(order) });
    try {
      const answer = await waitFor(() => ask(port), {
        timeoutMs: 15_000,
        what: () => `core; it said:\n${core.stderr()}`,
      });
      expect(answer.status).toBe(200);
    } finally {
      await endProcess(core);
      home.remove();
    }
  });
});

async function ask(port: number): Promise<{ readonly status: number } | undefined> {
  return fetch(`http://127.0.0.1:${port}/v1/models`).catch(() => undefined);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
