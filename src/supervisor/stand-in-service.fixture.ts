/**
 * Test program: a service that answers every connection with its generation, pid and number of its worker, and does as
 * its order says. The request decides too: a first line of `crash` ends the process, `taint` has it ask for a
 * replacement, `hold` leaves the connection open after that answer.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ListeningAddress,
  listenOn,
  onDrain,
  onStop,
  receiveStartOrder,
  reportDraining,
  reportFailed,
  reportReady,
  reportTainted,
} from '#generation';

export interface StandInConfig {
  /** A file to which it adds a line for everything that happens to it. */
  readonly diary: string;
  readonly behaviour?:
    | 'serve'
    | 'exit-at-once'
    | 'fail'
    | 'report-another-port'
    | 'ignore-drain'
    | 'ignore-everything'
    | 'never-ready'
    | 'die-soon'
    | 'say-much';
  /** Generations before this one exit at once. */
  readonly servesFrom?: number;
  /** The worker that behaves like this, while the others serve; absent = all. */
  readonly badWorker?: number;
  /** Says that it is ready when this file exists. */
  readonly readyWhen?: string;
}

const order = await receiveStartOrder();
const config = order.config as StandInConfig;
const { diary, servesFrom = 1, readyWhen } = config;
const { number, of } = order.worker ?? { number: 1, of: 1 };
const isGood = config.badWorker !== undefined && config.badWorker !== number;
const behaviour = isGood ? 'serve' : (config.behaviour ?? 'serve');
const name = `${order.service} ${order.generation}${of === 1 ? '' : ` worker ${number}`}`;
const note = (text: string) => appendFileSync(diary, `${name} ${text}\n`);
note(`start ${process.pid}`);
if (behaviour === 'exit-at-once' || order.generation < servesFrom) process.exit(3);
if (behaviour === 'fail') {
  await reportFailed('the moon is full');
  process.exit(1);
}
if (behaviour === 'say-much')
  for (let i = 0; i < 50_000; i += 1) process.stderr.write(`{"level":30,"msg":"line ${i}"}\n`);

const held = new Set<Socket>();
const servers = order.listeners.map(() => createServer(serve));
const addresses: ListeningAddress[] = [];
for (const [index, slot] of order.listeners.entries()) addresses.push(await listenOn(servers[index]!, slot));

function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data) => {
    if (data.toString().startsWith('crash')) process.exit(4);
    if (data.toString().startsWith('taint')) reportTainted('something broke');
    if (!data.toString().startsWith('hold')) {
      socket.end(`${order.generation} ${process.pid} ${number}\n`);
      return;
    }
    held.add(socket);
    socket.write(`held ${process.pid}\n`);
    socket.once('close', () => {
      held.delete(socket);
      leaveWhenIdle();
    });
  });
}

let isDraining = false;
function leaveWhenIdle(): void {
  if (!isDraining) return;
  reportDraining(held.size);
  if (held.size > 0) return;
  note('left');
  process.exit(0);
}

// A service without sockets lives on its timers.
setInterval(() => {}, 1000);
onDrain(() => {
  note('drain');
  if (behaviour.startsWith('ignore')) return;
  isDraining = true;
  for (const server of servers) server.close();
  leaveWhenIdle();
});
onStop(() => {
  note('stop');
  if (behaviour !== 'ignore-everything') process.exit(0);
});
while (readyWhen !== undefined && !existsSync(readyWhen)) await sleep(20);
if (behaviour === 'never-ready') await new Promise(() => {});
if (behaviour === 'die-soon') setTimeout(() => process.exit(5), 50);
reportReady(
  behaviour === 'report-another-port' ? addresses.map((one) => ({ ...one, port: one.port + 1 })) : addresses,
);
