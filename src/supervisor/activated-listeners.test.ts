import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeTempDir } from '#test-support';
import { activatedSockets, divideListeners } from './activated-listeners.ts';
import { readRunStates } from './index.ts';
import type { SuperviseOptions } from './supervise.fixture.ts';
import { ask } from './supervised-fixture.ts';

const fixture = fileURLToPath(new URL('./supervise.fixture.ts', import.meta.url));
const module = fileURLToPath(new URL('./activated-listeners.ts', import.meta.url));
const program = `
  const { activatedSockets } = await import(${JSON.stringify(module)});
  const sockets = activatedSockets().map(({ host, port, fd }) => ({ host, port, fd }));
  console.log(JSON.stringify({ sockets, left: Object.keys(process.env).filter((name) => name.startsWith('LISTEN_')) }));
  process.exit();
`;

/** Starts a process as systemd does: sockets from descriptor 3 on, and its own pid in the environment. */
async function activated(fds: readonly number[], pid = '$$'): Promise<unknown> {
  const script = `LISTEN_PID=${pid} LISTEN_FDS=${fds.length} exec "$0" --input-type=module --eval "$1"`;
  const child = spawn('/bin/sh', ['-c', script, process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit', ...fds],
  });
  let text = '';
  child.stdout?.on('data', (piece) => {
    text += piece;
  });
  await once(child, 'close');
  return JSON.parse(text);
}

it('a supervisor serves on a socket that it was passed, and binds the rest itself', async () => {
  using dir = makeTempDir('activated');
  const socket = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
  const { port } = socket.address();
  const options: SuperviseOptions = {
    config: {
      dataDir: dir.path,
      listeners: [
        { purpose: 'front', host: '127.0.0.1', port },
        { purpose: 'core', host: '127.0.0.1', port: 0 },
      ],
      drainMs: 1_000,
      logLevel: 'debug',
    },
    services: { core: { diary: dir.join('diary') } },
  };
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$1" "$2"';
  const supervisor = spawn('/bin/sh', ['-c', script, process.execPath, fixture, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'ignore', socket.fd()],
  });
  try {
    await once(supervisor.stdout as NodeJS.ReadableStream, 'data');
    expect(await ask(port, 'hello')).toMatch(/^1 /);
    const ports = readRunStates(dir.path)[0]?.addresses.map((address) => address.port);
    expect(ports).toEqual([port, expect.any(Number)]);
  } finally {
    supervisor.kill('SIGTERM');
    await once(supervisor, 'exit');
    socket.close();
  }
});

describe('sockets from a service manager', () => {
  it('are found with the addresses they have, and programs started later do not see them', async () => {
    const sockets = ['127.0.0.1', '::1'].map((host) => new net.BoundSocket({ host, port: 0 }));
    expect(await activated(sockets.map((one) => one.fd()))).toEqual({
      sockets: [
        { host: '127.0.0.1', port: sockets[0]?.address().port, fd: 3 },
        { host: '::1', port: sockets[1]?.address().port, fd: 4 },
      ],
      left: [],
    });
    for (const socket of sockets) socket.close();
  });

  it('that were meant for another process are left alone', async () => {
    const socket = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
    expect(await activated([socket.fd()], '1')).toEqual({ sockets: [], left: [] });
    socket.close();
  });

  it('that are no TCP sockets are not taken for any', async () => {
    expect(await activated([1])).toEqual({ sockets: [], left: [] });
  });

  it('are used for the addresses they have, however those are written; others are to be bound', () => {
    const close = () => {};
    const one = { host: '::1', port: 3000, fd: 3, close };
    const other = { host: '127.0.0.1', port: 3002, fd: 4, close };
    const wanted = [
      { purpose: 'front', host: '127.0.0.1', port: 3000 },
      { purpose: 'front', host: '0:0:0:0:0:0:0:1', port: 3000 },
      { purpose: 'core', host: '127.0.0.1', port: 3001 },
    ];
    const { taken, missing } = divideListeners(wanted, [one, other]);
    expect(taken).toEqual([{ purpose: 'front', host: '0:0:0:0:0:0:0:1', port: 3000, fd: 3, close }]);
    expect(missing).toEqual([wanted[0], wanted[2]]);
  });

  it.each([{}, { LISTEN_FDS: '2' }, { LISTEN_PID: String(process.pid), LISTEN_FDS: 'x' }])(
    'are none with the environment %j',
    (env) => {
      expect(activatedSockets({ ...env })).toEqual([]);
    },
  );
});
