import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { type Bequest, inheritanceVariable, type ListeningAddress } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import { changedListeners } from './replace-services.ts';
import {
  type Release,
  type ServiceName,
  SupervisorError,
  type SupervisorOptions,
  type SupervisorSettings,
} from './supervisor-options.ts';

/**
 * How one supervisor gives everything to the next, in one of two ways.
 *
 * While it lives: the old one starts the new one with the listening descriptors and
 * this description in the environment. The new one starts generations of its own beside the old ones and says
 * `ready`; the old one then lets go of lock and control socket and says `yours`; the new one takes them and says
 * `taken`. Until `yours` nothing has changed, whatever goes wrong.
 *
 * When it dies without a word: it has told proxy-core everything in its testament, and proxy-core has the descriptors
 * as well. It starts the new one in the same way, and sends it the estate. The new one takes the locks before anything
 * else, because another proxy-core may have started one too.
 */
export interface Inheritance {
  readonly listeners: readonly (ListeningAddress & { readonly fd: number })[];
  /** The listeners as they were configured. */
  readonly configured: readonly ListeningAddress[];
  /** The highest generation of each service, so that numbers are never used twice. */
  readonly generations: Readonly<Partial<Record<ServiceName, number>>>;
  /** Some process in the foreground ends with the old supervisor; see `RunState`. */
  readonly isAttended: boolean;
  /** What a dead supervisor ran. */
  readonly estate?: Estate;
  /** So many supervisors in a row, before this one, died soon after they had begun. */
  readonly earlyDeaths: number;
}

/** What a supervisor leaves to the next one when it dies: what it ran, whatever the configuration file says by now. */
export interface Estate {
  readonly config: SupervisorSettings;
  readonly services: readonly {
    readonly service: ServiceName;
    readonly purposes: readonly string[];
    readonly release: Release;
  }[];
  readonly generations: Inheritance['generations'];
  readonly version: string;
  readonly prettyLog: boolean;
}

const messages = ['ready', 'yours', 'taken'] as const;
export type SuccessionMessage = (typeof messages)[number];

let taken: Promise<Inheritance | undefined> | undefined;

/** What this process inherits; undefined when it is the first of its kind. Programs that it starts do not see it. */
export function takeInheritance(): Promise<Inheritance | undefined> {
  taken ??= readInheritance();
  return taken;
}

/** What the supervisor ran whose death made proxy-core start this process; undefined when that is not why it runs. */
export async function inheritedOptions(): Promise<SupervisorOptions | undefined> {
  const estate = (await takeInheritance())?.estate;
  if (estate === undefined) return undefined;
  const { config, version, prettyLog } = estate;
  const services = estate.services.map(({ service, purposes, release }) => {
    const { config: order, ...program } = release;
    return { service, purposes, ...program, order: () => order };
  });
  return { config, version, prettyLog, services };
}

async function readInheritance(env: NodeJS.ProcessEnv = process.env): Promise<Inheritance | undefined> {
  const text = env[inheritanceVariable];
  delete env[inheritanceVariable];
  // Without a channel to a predecessor the variable is a leftover of somebody else's.
  if (text === undefined || process.send === undefined) return undefined;
  const inheritance = JSON.parse(text) as Inheritance & { readonly isBequeathed?: true };
  if (inheritance.isBequeathed !== true) return inheritance;
  const bequest = await receiveBequest();
  // proxy-core of the release that left this, or of one that speaks the same words.
  const estate = bequest.estate as Estate;
  const purposes = new Set(estate.services.flatMap((plan) => plan.purposes));
  return {
    listeners: inheritance.listeners,
    configured: estate.config.listeners.filter(({ purpose }) => purposes.has(purpose)),
    generations: estate.generations,
    isAttended: false,
    estate,
    earlyDeaths: bequest.earlyDeaths,
  };
}

/** The first message of the process that started this one. Neither needs the other after that. */
function receiveBequest(): Promise<Bequest> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('whoever started this supervisor is gone'));
    process.once('disconnect', gone);
    process.once('message', (message) => {
      process.off('disconnect', gone);
      process.disconnect?.();
      resolve(message as Bequest);
    });
  });
}

/** The inherited sockets. Throws when the configuration wants others: then the predecessor goes on. */
export function inheritedListeners(
  { listeners, configured }: Inheritance,
  wanted: readonly ListeningAddress[],
): BoundListener[] {
  const change = changedListeners(configured, wanted);
  if (change !== undefined) throw new SupervisorError('address-unusable', change);
  return listeners.map(({ purpose, host, port, fd }) => ({
    purpose,
    host,
    port,
    fd,
    close: () => closeSync(fd),
  }));
}

/** Starts the next supervisor: the same program or another one, with its Node and the arguments of this one. */
export function startSuccessor(
  { program, node }: { readonly program: string; readonly node: string },
  {
    bound,
    configured,
    generations,
    isAttended,
  }: Pick<Inheritance, 'configured' | 'generations' | 'isAttended'> & {
    readonly bound: readonly BoundListener[];
  },
): ChildProcess {
  // 3 is the channel, as for services.
  const listeners = bound.map(({ purpose, host, port }, index) => ({ purpose, host, port, fd: 4 + index }));
  const inheritance: Inheritance = { listeners, configured, generations, isAttended, earlyDeaths: 0 };
  const child = spawn(node, [...process.execArgv, program, ...process.argv.slice(2)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...bound.map(({ fd }) => fd)],
    env: { ...process.env, [inheritanceVariable]: JSON.stringify(inheritance) },
    // A group of its own: Ctrl+C reaches this process alone, which passes it on once.
    detached: true,
  });
  // A program that cannot be started says nothing either, and that is what is waited for.
  child.on('error', () => child.emit('disconnect'));
  return child;
}

/** Waits for one message of the other supervisor; rejects when it ends first or takes too long. */
export function heard(
  other: Pick<NodeJS.Process | ChildProcess, 'on' | 'off'>,
  message: SuccessionMessage,
  withinMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(timer);
      other.off('message', hear).off('disconnect', gone);
      if (error === undefined) resolve();
      else reject(error);
    };
    const hear = (value: unknown): void => {
      if (value === message) done();
    };
    const gone = (): void => done(new Error('it ended before it could take over'));
    const timer = setTimeout(
      () => done(new Error(`it was not ready after ${Math.round(withinMs / 1000)} s`)),
      withinMs,
    );
    other.on('message', hear).on('disconnect', gone);
  });
}
