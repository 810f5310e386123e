import type { RemoteInfo, Socket } from 'node:dgram';

/** What the server says to questions for addresses. */
export type NameAnswer =
  /** The name has these addresses, in this order. */
  | { readonly v4?: readonly string[]; readonly v6?: readonly string[] }
  /** There is no such name. */
  | 'unknown'
  /** The server cannot tell at the moment. */
  | 'failing'
  /** Nothing at all comes back. */
  | 'silent';

export interface NameServer {
  /** What every question is answered from now on. */
  answer: NameAnswer;
  /** Questions that came so far, as `A provider.test`. */
  readonly questions: readonly string[];
  close(): void;
}

/** A name server (RFC 1035) on this socket that knows one name: every one. */
export function startNameServer(socket: Socket): NameServer {
  const questions: string[] = [];
  const server: NameServer = { answer: 'unknown', questions, close: () => socket.close() };
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const { name, type, end } = readQuestion(query);
    questions.push(`${type === typeA ? 'A' : 'AAAA'} ${name}`);
    if (server.answer === 'silent') return;
    socket.send(reply(query.subarray(0, end), type, server.answer), from.port, from.address);
  });
  return server;
}

const typeA = 1;
const typeAaaa = 28;
const headerBytes = 12;

function readQuestion(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The question with an answer behind it; what else the query had (EDNS) is left out. */
function reply(question: Buffer, type: number, answer: Exclude<NameAnswer, 'silent'>): Buffer {
  const code = answer === 'unknown' ? 3 : answer === 'failing' ? 2 : 0;
  const known = typeof answer === 'object' ? answer : {};
  const addresses = (type === typeA ? known.v4 : type === typeAaaa ? known.v6 : undefined) ?? [];
  const head = Buffer.from(question);
  // A response, recursion desired and available.
  head.writeUInt16BE(0x8180 | code, 2);
  for (const [index, count] of [1, addresses.length, 0, 0].entries())
    head.writeUInt16BE(count, 4 + index * 2);
  return Buffer.concat([head, ...addresses.map((address) => record(type, address))]);
}

function record(type: number, address: string): Buffer {
  const bytes = type === typeA ? address.split('.').map(Number) : v6Bytes(address);
  const fixed = Buffer.alloc(12);
  // A pointer to the name of the question.
  fixed.writeUInt16BE(0xc000 | headerBytes, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([fixed, Buffer.from(bytes)]);
}

function v6Bytes(address: string): number[] {
  const [before = [], after = []] = address.split('::').map((half) =>
    half
      .split(':')
      .filter(Boolean)
      .map((word) => Number.parseInt(word, 16)),
  );
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after].flatMap((word) => [word >> 8, word & 255]);
}
