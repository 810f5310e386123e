import { readFile } from 'node:fs/promises';
import { BlockList, isIPv4 } from 'node:net';

/** `own`: our user or root. `unsupported`: nobody here can tell. */
export type PeerVerdict = 'own' | 'foreign' | 'unsupported';

/** The addresses of a connection as Node gives them. */
export interface PeerSocket {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

export interface PeerCheck {
  /** At once when this connection was judged before. Never rejects. */
  judge(socket: PeerSocket): PeerVerdict | Promise<PeerVerdict>;
}

export interface PeerCheckOptions {
  /** The user whose connections are our own; the user of this process when absent. */
  readonly uid?: number;
  readonly platform?: NodeJS.Platform;
  /** Reads a kernel table, `tcp` or `tcp6`. */
  readonly readTable?: (name: string) => Promise<string>;
}

/**
 * Loopback is open to every user of a machine. Linux lists both ends of a loopback connection with their users, so
 * the other end can be looked up: once per connection, one reading for all that are new in the same turn.
 */
export function createPeerCheck(options: PeerCheckOptions = {}): PeerCheck {
  const uid = options.uid ?? process.getuid?.();
  const readTable = options.readTable ?? readKernelTable;
  if ((options.platform ?? process.platform) !== 'linux' || uid === undefined) {
    return { judge: () => 'unsupported' };
  }
  const verdicts = new WeakMap<PeerSocket, PeerVerdict>();
  const lookUp = batched(
    (socket: PeerSocket, tables: readonly string[] | undefined) => {
      const verdict = tables === undefined ? 'unsupported' : peerVerdict(socket, tables, uid);
      verdicts.set(socket, verdict);
      return verdict;
    },
    () => readTables(readTable),
  );
  return { judge: (socket) => verdicts.get(socket) ?? lookUp(socket) };
}

/** One fetch for all keys that came before it began; later ones wait for the next. */
function batched<Key, Source, Value>(
  decide: (key: Key, source: Source) => Value,
  fetch: () => Promise<Source>,
): (key: Key) => Promise<Value> {
  let waiting: { readonly key: Key; readonly settle: (value: Value) => void }[] = [];
  let isFetching = false;
  const run = async (): Promise<void> => {
    isFetching = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const source = await fetch();
      for (const { key, settle } of batch) settle(decide(key, source));
    }
    isFetching = false;
  };
  return (key) =>
    new Promise((settle) => {
      waiting.push({ key, settle });
      if (!isFetching && waiting.length === 1) setImmediate(() => void run());
    });
}

async function readTables(readTable: (name: string) => Promise<string>): Promise<string[] | undefined> {
  const results = await Promise.allSettled([readTable('tcp'), readTable('tcp6')]);
  const tables = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  return tables.length === 0 ? undefined : tables;
}

function readKernelTable(name: string): Promise<string> {
  return readFile(`/proc/net/${name}`, 'latin1');
}

/** Whose the other end is. Their local address is our remote one, and the other way round. */
function peerVerdict(socket: PeerSocket, tables: readonly string[], uid: number): PeerVerdict {
  const local = tableAddresses(socket.localAddress, socket.localPort);
  const remote = tableAddresses(socket.remoteAddress, socket.remotePort);
  const theirs = findRow(tables, remote, local);
  if (theirs !== undefined) {
    // A row without an inode is a connection whose owner is gone; the kernel shows it as root's.
    const isOwn = theirs.inode !== '0' && (theirs.uid === uid || theirs.uid === 0);
    return isOwn ? 'own' : 'foreign';
  }
  const isLocalPeer = socket.remoteAddress !== undefined && isLoopback(socket.remoteAddress);
  // When even our own end is not listed, the table says nothing about anybody.
  return isLocalPeer && findRow(tables, local, remote) !== undefined ? 'foreign' : 'unsupported';
}

interface TableRow {
  readonly uid: number;
  readonly inode: string;
}

function findRow(
  tables: readonly string[],
  local: readonly string[],
  remote: readonly string[],
): TableRow | undefined {
  for (const table of tables) {
    for (const [index, address] of local.entries()) {
      const at = table.indexOf(` ${address} ${remote[index]} `);
      if (at < 0) continue;
      const end = table.indexOf('\n', at);
      const fields = table.slice(at + 1, end < 0 ? undefined : end).split(/ +/);
      // local, remote, state, queues, timer, retransmissions, uid, timeout, inode
      return { uid: Number(fields[6]), inode: fields[8] ?? '0' };
    }
  }
  return undefined;
}

/** The forms in which the kernel may write an address: IPv4 stands in both tables. Empty when there is none. */
function tableAddresses(address: string | undefined, port: number | undefined): string[] {
  if (address === undefined || port === undefined) return [];
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const ipv4 = isIPv4(address) ? address : /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 === undefined) return [`${words(ipv6Bytes(address))}:${hexPort}`];
  const bytes = ipv4.split('.').map(Number);
  return [`${words(bytes)}:${hexPort}`, `${words([...mappedPrefix, ...bytes])}:${hexPort}`];
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

/** Words of four bytes in the byte order of the machine, as the kernel prints them. */
function words(bytes: readonly number[]): string {
  const buffer = Buffer.from(bytes);
  if (isLittleEndian) buffer.swap32();
  return buffer.toString('hex').toUpperCase();
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** @param address as Node prints it: lower case, `::` at most once, perhaps with a zone */
function ipv6Bytes(address: string): number[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = new Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0);
  return [...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 255]);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
