import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { processStartToken, readLines } from '#generation';
import { endProcess, makeTempDir, type OwnProcess, startNode, waitFor } from '#test-support';
import { Follower } from './follower.ts';
import { type RunState, writeRunState } from './run-state.ts';

const servers: Server[] = [];
const processes: OwnProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  for (const one of processes.splice(0)) await endProcess(one, 0);
});

/**
 * What looks like a supervisor from outside: a process that lives, and a control socket.
 * @param answer what is said to a command; undefined says nothing, `null` hangs up
 */
async function supervisorThat(
  answer: (command: string, count: number) => object | null | undefined,
): Promise<{ statePath: string; heard: string[]; [Symbol.dispose](): void }> {
  const dir = makeTempDir('follower');
  const process_ = startNode('-e', ['setInterval(() => {}, 1000)'], { env: {}, input: '' });
  processes.push(process_);
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    readLines(socket, 1024, (line) => {
      const { command, now } = JSON.parse(line) as { command: string; now?: boolean };
      const what = now === true ? `${command} now` : command;
      heard.push(what);
      const said = answer(what, heard.filter((one) => one === what).length);
      if (said === null) socket.destroy();
      else if (said !== undefined) socket.write(`${JSON.stringify(said)}\n`);
    });
  });
  servers.push(server);
  const controlSocket = dir.join('control.sock');
  await new Promise<void>((resolve) => server.listen(controlSocket, resolve));
  const startToken = await waitFor(() => processStartToken(process_.pid));
  const statePath = dir.join('state.json');
  const state: Partial<RunState> = { v: 1, pid: process_.pid, startToken, controlSocket, services: [] };
  writeRunState(statePath, state as RunState);
  return { statePath, heard, [Symbol.dispose]: () => dir.remove() };
}

describe('a process that stands for a supervisor', () => {
  it('says again what that one did not take the first time', async () => {
    using other = await supervisorThat((command, count) => {
      if (command === 'stop' && count < 3) return null;
      return { v: 1, ok: true };
    });
    const follower = new Follower(other.statePath, { alone: false });
    expect(await follower.hasBegun).toBe(true);
    follower.hear('SIGTERM');
    await waitFor(() => other.heard.length === 4);
    expect(other.heard).toEqual(['follow', 'stop', 'stop', 'stop']);
    // The second one is another wish, and is not held up by the first, which may take long.
    follower.hear('SIGTERM');
    await waitFor(() => other.heard.length === 5);
    expect(other.heard.at(-1)).toBe('stop now');
    for (const one of processes) await endProcess(one, 0);
    for (const server of servers) server.close();
  });

  it('asks again when it hears nothing', async () => {
    using other = await supervisorThat((_command, count) => (count < 2 ? undefined : { v: 1, ok: true }));
    const follower = new Follower(other.statePath, { alone: false });
    expect(await follower.hasBegun).toBe(true);
    expect(other.heard).toEqual(['follow', 'follow']);
  });

  it('does not stand for itself', async () => {
    using other = await supervisorThat(() => ({ v: 1, ok: true }));
    const state = { v: 1, pid: process.pid, startToken: processStartToken(process.pid), services: [] };
    writeRunState(other.statePath, state as unknown as RunState);
    const follower = new Follower(other.statePath, { alone: false });
    expect(await follower.hasBegun).toBe(false);
    expect(await follower.finished).toBe(1);
    expect(other.heard).toEqual([]);
  });
});
