import { type ClientRequest, request } from 'node:http';
import { serveJobs } from './worker.ts';

export type StreamJob =
  | {
      readonly kind: 'delays';
      readonly port: number;
      readonly streams: number;
      readonly perSecond: number;
      readonly events: number;
    }
  | { readonly kind: 'open'; readonly port: number; readonly streams: number }
  | { readonly kind: 'close' };

const held: ClientRequest[] = [];

serveJobs(async (job: StreamJob): Promise<unknown> => {
  if (job.kind === 'delays') return { delaysMs: await delays(job) };
  if (job.kind === 'open')
    return { open: (await Promise.all(Array.from({ length: job.streams }, () => hold(job.port)))).length };
  for (const stream of held.splice(0)) stream.destroy();
  return {};
});

/** For each event, how long it took from the provider's write to our read, in milliseconds. */
async function delays(job: StreamJob & { kind: 'delays' }): Promise<number[]> {
  const all: number[] = [];
  const streams = Array.from({ length: job.streams }, async (_, index) => {
    // Spread the streams over one interval, as independent agents are.
    await new Promise((resolve) => setTimeout(resolve, (index * 1000) / job.perSecond / job.streams));
    await new Promise<void>((resolve, reject) => {
      const outgoing = post(job.port, `/v1/events/${job.perSecond}/${job.events}`);
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        response.on('data', (bytes: Buffer) => {
          const nowNs = process.hrtime.bigint();
          for (const match of bytes.toString().matchAll(/"sentNs":(\d+)/g)) {
            all.push(Number(nowNs - BigInt(match[1] ?? 0)) / 1e6);
          }
        });
        response.once('end', resolve);
        response.once('error', reject);
      });
    });
  });
  await Promise.all(streams);
  return all;
}

function hold(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = post(port, '/v1/open');
    held.push(outgoing);
    outgoing.on('error', reject);
    outgoing.once('response', (response) => {
      response.on('error', () => undefined);
      response.once('data', () => resolve());
    });
  });
}

function post(port: number, path: string): ClientRequest {
  const outgoing = request({
    port,
    host: '127.0.0.1',
    path,
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  });
  outgoing.end('{"model":"claude-fake","stream":true}');
  return outgoing;
}
