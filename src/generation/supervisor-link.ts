import { closeSync } from 'node:fs';
import type {
  DrainReason,
  FromService,
  ListenerSlot,
  OrphanClaim,
  StartOrder,
  Testament,
  WorkerPlace,
} from './messages.ts';
import { Orphan } from './orphan.ts';
import { processStartToken } from './process-identity.ts';

/** A start order carries certificates and lists of names, nothing that grows with use. */
const startOrderBytesMax = 8 * 1024 * 1024;

type DrainCallback = (reason: DrainReason) => void;

let received: StartOrder | undefined;
let receivedAtMs = 0;
let resolveOrder: ((order: StartOrder) => void) | undefined;
let rejectOrder: ((error: Error) => void) | undefined;
let isLinked = false;
let signals = 0;
/** What was wished so far; `replaced` may still become `stop`, never the other way. */
let drainReason: DrainReason | undefined;
let isStopWished = false;
const drainCallbacks: DrainCallback[] = [];
const stopCallbacks: (() => void)[] = [];
/** Everything is being stopped, so nobody is looked for when the supervisor is gone. */
let isEnding = false;
let testament: Testament | undefined;
/** Exists from the moment in which the supervisor died without a word. */
let orphan: Orphan | undefined;
/** What was reported so far, for the next supervisor. */
let isReady = false;
let openExchanges: number | undefined;
let hasLetGo = false;

/**
 * The order this process was started with: the IPC message `start`, or JSON on standard input when there is no
 * IPC channel. Rejects when the order is not valid or the supervisor went away before it sent one.
 */
export async function receiveStartOrder(): Promise<StartOrder> {
  link();
  try {
    received =
      process.send === undefined
        ? parseStartOrder(JSON.parse(await readStandardInput()))
        : await orderFromSupervisor();
  } finally {
    // From here on the service's own sockets and timers decide how long it lives, not the channel.
    process.channel?.unref();
  }
  process.title = `throughline-${received.service}`;
  return received;
}

/** The order this process received; throws when there is none yet. */
export function receivedOrder(): StartOrder {
  if (received === undefined) throw new Error('no start order has been received');
  return received;
}

/**
 * Calls back when the service shall stop accepting, finish what is open and leave: the supervisor says so, the
 * first SIGTERM or SIGINT arrives, or the supervisor is gone and there will not be another one. Once for each reason:
 * `stop` may follow `replaced`, when everything is stopped while an old generation still has streams. Late
 * registration calls back soon.
 */
export function onDrain(callback: DrainCallback): void {
  link();
  drainCallbacks.push(callback);
  if (drainReason !== undefined) queueMicrotask(() => callback(drainReason as DrainReason));
}

/** Calls back once when the service shall leave now: the supervisor says so, or a second signal arrives. */
export function onStop(callback: () => void): void {
  link();
  if (isStopWished) queueMicrotask(callback);
  else stopCallbacks.push(callback);
}

/** Sends a report to whoever supervises this process. Never rejects: a supervisor that is gone cannot be told anything. */
export function tellSupervisor(message: FromService): Promise<void> {
  if (message.type === 'ready') isReady = true;
  if (message.type === 'draining') openExchanges = message.openExchanges;
  orphan?.send(message);
  if (!process.connected) return Promise.resolve();
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
}

/** False while the supervisor of this process is gone and no other one has been found. */
export function isSupervised(): boolean {
  return orphan === undefined || orphan.hasSupervisor;
}

/** Checks a start order that came from outside. Throws with a sentence that names what is wrong. */
export function parseStartOrder(value: unknown): StartOrder {
  const order = value as StartOrder;
  if (typeof value !== 'object' || value === null)
    throw new TypeError('the start order is not a JSON object');
  if (!['core', 'recorder', 'data'].includes(order.service))
    throw new TypeError('start order: service must be core, recorder or data');
  if (!Number.isSafeInteger(order.generation))
    throw new TypeError('start order: generation must be a whole number');
  if (typeof order.version !== 'string') throw new TypeError('start order: version must be a text');
  if (!Array.isArray(order.listeners) || !order.listeners.every(isListenerSlot)) {
    throw new TypeError('start order: listeners must be a list of {purpose, host, port, fd?}');
  }
  if (order.worker !== undefined && !isWorkerPlace(order.worker))
    throw new TypeError('start order: worker must be {number, of}, from 1');
  return order;
}

function isWorkerPlace(place: WorkerPlace | null): boolean {
  const { number, of } = place ?? { number: 0, of: 0 };
  return Number.isSafeInteger(number) && Number.isSafeInteger(of) && number >= 1 && number <= of;
}

function isListenerSlot(slot: ListenerSlot): boolean {
  if (typeof slot !== 'object' || slot === null) return false;
  const isPort = Number.isInteger(slot.port) && slot.port >= 0 && slot.port <= 65_535;
  const isDescriptor = slot.fd === undefined || (Number.isInteger(slot.fd) && slot.fd >= 3);
  return typeof slot.purpose === 'string' && typeof slot.host === 'string' && isPort && isDescriptor;
}

function orderFromSupervisor(): Promise<StartOrder> {
  if (received !== undefined) return Promise.resolve(received);
  return new Promise((resolve, reject) => {
    resolveOrder = resolve;
    rejectOrder = reject;
  });
}

/** Attaches to the channel and the signals, once. */
function link(): void {
  if (isLinked) return;
  isLinked = true;
  process.on('SIGTERM', hearSignal);
  process.on('SIGINT', hearSignal);
  // The log of a service goes to its supervisor. When that is gone, the service still has streams to finish.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  if (process.send === undefined) return;
  process.on('message', hearSupervisor);
  process.once('disconnect', () => {
    rejectOrder?.(new Error('the supervisor went away before it sent a start order'));
    loseSupervisor();
  });
}

function hearSupervisor(message: unknown): void {
  // What comes over the channel is of our own release, or of one that speaks the same words.
  const { type, order, reason, testament: left } = (message ?? {}) as Record<string, unknown>;
  if (type === 'drain') wishDrain(reason === 'replaced' ? 'replaced' : 'stop');
  if (type === 'stop') wishStop();
  if (type === 'ping') answerPing();
  if (type === 'ending') isEnding = true;
  if (type === 'testament') testament = left as Testament;
  if (type !== 'start') return;
  try {
    received = parseStartOrder(order);
    receivedAtMs = performance.now();
    resolveOrder?.(received);
  } catch (error) {
    rejectOrder?.(error as Error);
  }
}

function answerPing(): void {
  // Asking the inspector itself would load 3 MiB into every core.
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''];
  const isDebugged = options.some((option) => option.includes('--inspect'));
  void tellSupervisor({ type: 'pong', ...(isDebugged ? { isDebugged } : {}) });
}

/** A supervisor that ends in order waits for its services first: this one was killed, or broke. */
function loseSupervisor(): void {
  const succession = received?.succession;
  const startToken = processStartToken(process.pid);
  if (succession === undefined || startToken === undefined || isEnding || drainReason === 'stop') {
    wishDrain('stop');
    letGo();
    return;
  }
  orphan = new Orphan({
    succession,
    supervisedMs: performance.now() - receivedAtMs,
    testament: () => (isEnding || drainReason === 'stop' ? undefined : testament),
    claim: () => orphanClaim(startToken),
    hear: hearSupervisor,
    leave: () => wishDrain('stop'),
  });
}

function orphanClaim(startToken: string): OrphanClaim {
  const { service, generation, version, worker } = receivedOrder();
  return {
    command: 'adopt',
    service,
    generation,
    worker: worker?.number ?? 1,
    version,
    pid: process.pid,
    startToken,
    isReady,
    isDraining: drainReason !== undefined,
    ...(openExchanges === undefined ? {} : { openExchanges }),
  };
}

function hearSignal(): void {
  signals += 1;
  if (signals === 1) wishDrain('stop');
  else wishStop();
}

function wishDrain(reason: DrainReason): void {
  if (drainReason === 'stop' || drainReason === reason) return;
  drainReason = reason;
  if (reason === 'stop') giveUpSuccession();
  for (const callback of drainCallbacks) callback(reason);
}

function wishStop(): void {
  if (isStopWished) return;
  isStopWished = true;
  giveUpSuccession();
  for (const callback of stopCallbacks.splice(0)) callback();
}

function giveUpSuccession(): void {
  if (orphan === undefined) return;
  orphan.giveUpElection();
  letGo();
}

/** Nobody will inherit the kept sockets, and while this process has them, no other program can have their ports. */
function letGo(): void {
  if (hasLetGo) return;
  hasLetGo = true;
  for (const { fd } of received?.succession?.kept?.listeners ?? []) {
    try {
      closeSync(fd);
    } catch {
      // It was never passed.
    }
  }
}

async function readStandardInput(): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    bytes += (piece as Buffer).length;
    if (bytes > startOrderBytesMax)
      throw new RangeError(`the start order on standard input is larger than ${startOrderBytesMax} bytes`);
    pieces.push(piece as Buffer);
  }
  if (bytes === 0)
    throw new Error(
      'a service is started by "throughline up", or with a start order as JSON on standard input',
    );
  return Buffer.concat(pieces).toString('utf8');
}
