import { connect, type Socket } from 'node:net';
import { serveJobs } from './worker.ts';

export interface LoadJob {
  readonly port: number;
  readonly target: string;
  readonly bodyBytes: number;
  /** A body that means something, instead of `bodyBytes` of padding. */
  readonly body?: string;
  readonly requests: number;
  readonly connections: number;
  /** Every n-th request is left in the middle of its answer; 0 = none. */
  readonly abortEvery?: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly wallMs: number;
  readonly latenciesMs: readonly number[];
}

// Keep-alive connections that send prepared bytes and count answers by their Content-Length: cheap enough not to
// starve what is measured on a machine with two cores.
serveJobs(async (job: LoadJob): Promise<LoadResult> => {
  const padding = () =>
    Buffer.alloc(job.bodyBytes, `{"model":"claude-fake","pad":"${'lorem ipsum '.repeat(20)}"}`);
  const body = job.body === undefined ? padding() : Buffer.from(job.body);
  const head = `POST ${job.target} HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nContent-Type: application/json\r\nx-api-key: sk-ant-bench-0123456789\r\nanthropic-version: 2023-06-01\r\nUser-Agent: bench\r\nContent-Length: ${body.length}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), body]);
  const state = { left: job.requests, failures: 0, latenciesMs: [] as number[], count: 0 };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: job.connections }, () => connection(job, bytes, state)));
  return {
    requests: job.requests,
    failures: state.failures,
    wallMs: performance.now() - startedAt,
    latenciesMs: state.latenciesMs,
  };
});

interface Progress {
  left: number;
  failures: number;
  count: number;
  readonly latenciesMs: number[];
}

async function connection(job: LoadJob, bytes: Buffer, progress: Progress): Promise<void> {
  let socket: Socket | undefined;
  while (progress.left > 0) {
    progress.left--;
    socket ??= await open(job.port);
    const isAborted = (job.abortEvery ?? 0) > 0 && ++progress.count % (job.abortEvery ?? 0) === 0;
    const sentAt = performance.now();
    socket.write(bytes);
    const isGood = isAborted ? await firstBytes(socket) : await wholeAnswer(socket);
    if (!isGood) progress.failures++;
    else progress.latenciesMs.push(performance.now() - sentAt);
    if (isGood && !isAborted) continue;
    socket.destroy();
    socket = undefined;
  }
  socket?.destroy();
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // Later errors show as a close without a whole answer.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function firstBytes(socket: Socket): Promise<boolean> {
  return untilDone(socket, (received) => received.length > 0);
}

function wholeAnswer(socket: Socket): Promise<boolean> {
  return untilDone(socket, (received) => {
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = received.subarray(0, end).toString('latin1');
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) return received.length >= end + 4 + Number(length);
    return received.subarray(-5).toString('latin1') === '0\r\n\r\n';
  });
}

function untilDone(socket: Socket, isDone: (received: Buffer) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const finish = (isGood: boolean): void => {
      socket.off('data', onData);
      socket.off('close', onClose);
      resolve(isGood);
    };
    const onData = (bytes: Buffer | string): void => {
      received = received.length === 0 ? (bytes as Buffer) : Buffer.concat([received, bytes as Buffer]);
      if (isDone(received)) finish(/^HTTP\/1\.[01] 200/.test(received.subarray(0, 16).toString('latin1')));
    };
    const onClose = (): void => finish(false);
    socket.on('data', onData);
    socket.once('close', onClose);
  });
}
