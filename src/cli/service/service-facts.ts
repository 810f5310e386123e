import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ResolvedConfig } from '#config';
import { CliError, exitCodes } from '../cli-error.ts';

/** What a service definition says beside what its template says. Paths are absolute. */
export interface ServiceFacts {
  /** `bin/throughline` of this installation. */
  readonly program: string;
  /** Holds a fitting Node. */
  readonly nodeDirectory: string;
  /** Absent when there is none: the defaults apply. */
  readonly configFile?: string;
  /** Where data lies, when that is not where the service would look for it by itself. */
  readonly dataDir?: string;
  /** What the service manager may listen on instead of us. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** How long open answers get when it stops. */
  readonly drainMs: number;
  readonly homeDir: string;
}

/** The configured addresses as a service manager can bind them: IP addresses, `localhost` being two of them. */
export function addressesToBind({ listeners }: ResolvedConfig['supervisor']): ServiceFacts['addresses'] {
  const addresses = listeners.flatMap(({ host, port }) =>
    (host === 'localhost' ? ['127.0.0.1', '::1'] : [host]).map((each) => ({ host: each, port })),
  );
  if (addresses.some(({ port }) => port === 0))
    throw new CliError(
      exitCodes.failed,
      'the configuration leaves a port to the system (0), and clients of a service need one that stays',
      'Give server.port, server.core_port and server.data_port a number.',
    );
  const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === '::1'),
  );
  // What is left out here is bound by the supervisor itself, which knows names and can do without ::1.
  return addresses.filter(({ host }) => isIP(host) !== 0 && (host !== '::1' || hasIPv6));
}

/** Template and facts do not fit: a bug, because a test compares them. */
export function replaceOnce(text: string, pattern: RegExp, replacement: string): string {
  if (!pattern.test(text)) throw new Error(`the template of the service has no ${pattern}`);
  return text.replace(pattern, () => replacement);
}

/** After so long a service manager may kill: a minute more than open answers get. */
export function stopMinutes({ drainMs }: ServiceFacts): number {
  return Math.ceil(drainMs / 60_000) + 1;
}

/** Variables that the service gets: where programs are looked for, ours first, and where data lies. */
export function serviceVariables({ nodeDirectory, dataDir }: ServiceFacts): Readonly<Record<string, string>> {
  const usual = ['/usr/local/bin', '/usr/bin', '/bin'];
  return {
    PATH: [...new Set([nodeDirectory, ...usual])].join(':'),
    ...(dataDir === undefined ? {} : { THROUGHLINE_DATA_DIR: dataDir }),
  };
}
