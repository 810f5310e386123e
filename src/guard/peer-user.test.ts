import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createPeerCheck, type PeerVerdict } from './peer-user.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

async function listen(host: string): Promise<{ server: Server; port: number }> {
  const server = createServer();
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

async function accept(server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  sockets.push(socket);
  return socket;
}

/** A connection of this process. */
async function ownPeer(host: string, target: string): Promise<Socket> {
  const { server, port } = await listen(host);
  sockets.push(connect(port, target));
  return accept(server);
}

/** A connection of another process, under another user when this one may do that. */
async function peerOfUser(uid: number): Promise<Socket> {
  const { server, port } = await listen('127.0.0.1');
  const program = `require('node:net').connect(${port}, '127.0.0.1'); setTimeout(() => {}, 60_000)`;
  const child = spawn(process.execPath, ['-e', program], { stdio: 'inherit', uid, gid: uid, cwd: '/' });
  children.push(child);
  return accept(server);
}

const judged = isLinux ? 'own' : 'unsupported';

describe('the user at the other end', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['::', '::1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
  ])('is ourselves for a server on %s reached as %s', async (host, target) => {
    expect(await createPeerCheck().judge(await ownPeer(host, target))).toBe(judged);
  });

  it('SEC-06: is told from another user', async () => {
    const uid = isRoot ? nobody : process.getuid!();
    const expected: PeerVerdict = isRoot && isLinux ? 'foreign' : judged;
    expect(await createPeerCheck().judge(await peerOfUser(uid))).toBe(expected);
  });

  it('is looked up once, and answered at once from then on', async () => {
    let reads = 0;
    const { readFile } = await import('node:fs/promises');
    const check = createPeerCheck({
      platform: 'linux',
      uid: process.getuid!(),
      readTable: async (name) => {
        reads += 1;
        return readFile(`/proc/net/${name}`, 'latin1').catch(() => '');
      },
    });
    const peers = [await ownPeer('127.0.0.1', '127.0.0.1'), await ownPeer('::1', '::1')];
    const verdicts = await Promise.all(peers.map((peer) => check.judge(peer)));
    expect(verdicts).toEqual([judged, judged]);
    // One reading of both tables for both connections.
    expect(reads).toBe(2);
    expect(check.judge(peers[0]!)).toBe(judged);
    expect(reads).toBe(2);
  });

  it('is unknown where the platform or the system does not tell', async () => {
    const peer = await ownPeer('127.0.0.1', '127.0.0.1');
    expect(createPeerCheck({ platform: 'darwin' }).judge(peer)).toBe('unsupported');
    const blind = createPeerCheck({
      platform: 'linux',
      uid: 0,
      readTable: () => Promise.reject(new Error('EACCES')),
    });
    expect(await blind.judge(peer)).toBe('unsupported');
    const empty = createPeerCheck({ platform: 'linux', uid: 0, readTable: async () => 'header\n' });
    expect(await empty.judge(peer)).toBe('unsupported');
  });
});

const socket = { localAddress: '127.0.0.1', localPort: 3000, remoteAddress: '127.0.0.1', remotePort: 50_000 };
const ours =
  '   0: 0100007F:0BB8 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 20 4 30 10 -1\n';

function theirs(uid: number, inode: number): string {
  return `   1: 0100007F:C350 0100007F:0BB8 01 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0 20 4 30 10 -1\n`;
}

function judgeBy(table: string): PeerVerdict | Promise<PeerVerdict> {
  return createPeerCheck({
    platform: 'linux',
    uid: 1000,
    readTable: async (name) => (name === 'tcp' ? `head\n${table}` : ''),
  }).judge(socket);
}

describe('the table of connections', () => {
  it('SEC-06: lets our own user and root in, nobody else', async () => {
    expect(await judgeBy(ours + theirs(1000, 78))).toBe('own');
    expect(await judgeBy(ours + theirs(0, 78))).toBe('own');
    expect(await judgeBy(ours + theirs(1001, 78))).toBe('foreign');
  });

  it('SEC-06: does not take a connection for root’s because its owner has left', async () => {
    expect(await judgeBy(ours + theirs(0, 0))).toBe('foreign');
    expect(await judgeBy(ours)).toBe('foreign');
  });
});
