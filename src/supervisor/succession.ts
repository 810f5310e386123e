import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { ListeningAddress } from '#generation';
import type { BoundListener } from './bind-listeners.ts';
import { changedListeners } from './replace-services.ts';
import { type ServiceName, SupervisorError } from './supervisor-options.ts';

/**
 * How one supervisor gives everything to the next. The old one starts the new one with the listening descriptors and
 * this description in the environment. The new one starts generations of its own beside the old ones and says
 * `ready`; the old one then lets go of lock and control socket and says `yours`; the new one takes them and says
 * `taken`. Until `yours` nothing has changed, whatever goes wrong.
 */
export interface Inheritance {
  readonly listeners: readonly (ListeningAddress & { readonly fd: number })[];
  /** The listeners as they were configured. */
  readonly configured: readonly ListeningAddress[];
  /** The highest generation of each service, so that numbers are never used twice. */
  readonly generations: Readonly<Partial<Record<ServiceName, number>>>;
}

const variable = 'THROUGHLINE_INHERITANCE';
const messages = ['ready', 'yours', 'taken'] as const;
export type SuccessionMessage = (typeof messages)[number];

/** What this process inherits; undefined when it is the first of its kind. Programs that it starts do not see it. */
export function takeInheritance(env: NodeJS.ProcessEnv = process.env): Inheritance | undefined {
  const text = env[variable];
  delete env[variable];
  // Without a channel to a predecessor the variable is a leftover of somebody else's.
  if (text === undefined || process.send === undefined) return undefined;
  return JSON.parse(text) as Inheritance;
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
  }: Omit<Inheritance, 'listeners'> & { readonly bound: readonly BoundListener[] },
): ChildProcess {
  // 3 is the channel, as for services.
  const listeners = bound.map(({ purpose, host, port }, index) => ({ purpose, host, port, fd: 4 + index }));
  const inheritance: Inheritance = { listeners, configured, generations };
  const child = spawn(node, [...process.execArgv, program, ...process.argv.slice(2)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...bound.map(({ fd }) => fd)],
    env: { ...process.env, [variable]: JSON.stringify(inheritance) },
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
