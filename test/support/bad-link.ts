import { endProcess, startProgram } from './child-process.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { seededRandom } from './seeded-random.ts';
import { waitFor } from './wait-for.ts';

export interface LinkQuality {
  /** In each direction. */
  readonly delayMs: number;
  /** Share of the packets that is lost, 0 to 1, and of those that are overtaken by later ones. */
  readonly lost: number;
  readonly overtaken: number;
}

/** A network cable between two namespaces that treats each packet as badly as it is told to. */
export interface BadLink {
  /** Addresses of its two ends. */
  readonly addresses: readonly [string, string];
  quality: LinkQuality;
  /** Packets so far. */
  readonly carried: number;
  readonly lost: number;
  readonly overtaken: number;
  /** Size of the largest one. */
  readonly largestBytes: number;
  close(): Promise<void>;
}

/**
 * Lays the cable. Kernels of test machines often lack the module that spoils a network (`netem`), so packets of a tun
 * device take a way through this process. Needs `socat`.
 * @param mtu largest IP packet, bytes
 */
export async function createBadLink(
  namespaces: readonly [NetworkNamespace, NetworkNamespace],
  options: LinkQuality & { readonly mtu: number },
): Promise<BadLink> {
  const addresses = ['10.77.0.1', '10.77.0.2'] as const;
  const ends = await Promise.all(
    addresses.map((address, index) => openEnd(namespaces[index]!, address, options.mtu)),
  );
  const random = seededRandom(16);
  const timers = new Set<NodeJS.Timeout>();
  let [carried, lost, overtaken, largestBytes] = [0, 0, 0, 0];
  const link = {
    addresses,
    quality: options as LinkQuality,
    get carried() {
      return carried;
    },
    get lost() {
      return lost;
    },
    get overtaken() {
      return overtaken;
    },
    get largestBytes() {
      return largestBytes;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(ends.map((end) => end.close()));
    },
  };
  const carry = (packet: Buffer, to: LinkEnd): void => {
    const { delayMs, ...shares } = link.quality;
    carried += 1;
    largestBytes = Math.max(largestBytes, packet.length);
    if (random.next() < shares.lost) {
      lost += 1;
      return;
    }
    const isOvertaken = random.next() < shares.overtaken;
    if (isOvertaken) overtaken += 1;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        to.send(packet);
      },
      isOvertaken ? delayMs * 1.25 : delayMs,
    );
    timers.add(timer);
  };
  ends[0]!.onPacket((packet) => carry(packet, ends[1]!));
  ends[1]!.onPacket((packet) => carry(packet, ends[0]!));
  return link;
}

interface LinkEnd {
  send(packet: Buffer): void;
  onPacket(take: (packet: Buffer) => void): void;
  close(): Promise<void>;
}

/** Ports of the datagrams inside each namespace: ours and that of the device. */
const [ourPort, devicePort] = [4_000, 4_001];

/** A tun device in the namespace whose packets come to this process as datagrams. */
async function openEnd(namespace: NetworkNamespace, address: string, mtu: number): Promise<LinkEnd> {
  const socket = await namespace.bindUdp('127.0.0.1', ourPort);
  const device = `TUN:${address}/24,tun-name=cable,iff-no-pi,iff-up`;
  const datagrams = `UDP:127.0.0.1:${ourPort},bind=127.0.0.1:${devicePort}`;
  const bridge = startProgram('socat', [device, datagrams], {
    launcher: namespace.launcher,
    env: { PATH: process.env.PATH ?? '' },
    input: '',
  });
  await waitFor(
    () => {
      namespace.run(`ip link set cable mtu ${mtu}`);
      return true;
    },
    { what: () => `the program "socat" to make a network device\n${bridge.stderr()}` },
  );
  return {
    send: (packet) => socket.send(packet, devicePort, '127.0.0.1'),
    onPacket: (take) => socket.on('message', take),
    async close() {
      await endProcess(bridge);
      socket.close();
    },
  };
}
