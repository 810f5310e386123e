import { spawnSync } from 'node:child_process';
import { join, resolve, sep } from 'node:path';
import type { LoadedConfig } from '#config';
import { CliError, exitCodes } from '../cli-error.ts';
import type { GlobalOptions } from '../global-options.ts';
import { installation } from '../installation.ts';
import { note } from '../output.ts';
import { readConfig, tryReadConfig } from '../read-config.ts';
import { addressesToBind, type ServiceFacts } from './service-facts.ts';
import type { ServiceManager } from './service-manager.ts';
import type { Surroundings } from './surroundings.ts';
import type { UnitFile } from './unit-file.ts';

export interface ServiceDefinition {
  readonly files: readonly UnitFile[];
  /** As the service will read it. */
  readonly loaded: LoadedConfig;
  /** Variables of this shell that decide something here, and will not there. */
  readonly unseen: readonly string[];
}

interface Place {
  /** Of the service: that of this shell is not it. */
  readonly environment: NodeJS.ProcessEnv;
  readonly surroundings: Surroundings;
}

/**
 * The files that make a service of this installation, with the configuration as the service will see it. Where the
 * data lies is the exception: that can be said by a variable alone, so the service gets the directory of this shell.
 */
export async function defineService(
  manager: ServiceManager,
  options: GlobalOptions,
  { environment, surroundings }: Place,
): Promise<ServiceDefinition> {
  refuseCache(installation().root);
  const here = await tryReadConfig(options);
  const asked = options.config ?? surroundings.env.THROUGHLINE_CONFIG;
  const read = (more: NodeJS.ProcessEnv) =>
    readConfig(asked ? { config: resolve(asked) } : {}, { ...environment, ...more });
  const alone = await read({}).catch((error) => {
    note('This is how the service would find it: variables of this shell are not seen there.');
    throw error;
  });
  const dataDir = here.ok && here.config.dataDir !== alone.config.dataDir ? here.config.dataDir : undefined;
  const loaded = dataDir === undefined ? alone : await read({ THROUGHLINE_DATA_DIR: dataDir });
  const facts: ServiceFacts = {
    program: join(installation().root, 'bin', 'throughline'),
    nodeDirectory: nodeDirectory(),
    ...(loaded.file === undefined ? {} : { configFile: loaded.file }),
    ...(dataDir === undefined ? {} : { dataDir }),
    addresses: addressesToBind(loaded.config.supervisor),
    drainMs: loaded.config.supervisor.drainMs,
    homeDir: surroundings.homeDir,
  };
  const used = here.ok ? variablesOf(here) : [];
  const unseen = used.filter((name) => environment[name] !== process.env[name]);
  return { files: manager.define(facts), loaded, unseen };
}

/** What npx fetched for one call may be gone at the next start. */
function refuseCache(root: string): void {
  if (!root.split(sep).includes('_npx')) return;
  throw new CliError(
    exitCodes.failed,
    `this Throughline lies in the cache of npx, which is cleaned now and then: ${root}`,
    'Install it first, for example with: npm install -g throughline',
  );
}

/** Looking needs no session; then the service is taken to see what every program of this user sees. */
export function environmentWithoutSession(
  manager: ServiceManager,
  { homeDir, userName }: Surroundings,
): NodeJS.ProcessEnv {
  try {
    return manager.environment();
  } catch {
    return { HOME: homeDir, USER: userName, LOGNAME: userName };
  }
}

function variablesOf({ origins }: LoadedConfig): string[] {
  return [
    ...new Set(Object.values(origins).flatMap((origin) => /^environment (\w+)$/.exec(origin)?.[1] ?? [])),
  ];
}

/** As `bin/throughline` will find it: the same program looks. */
function nodeDirectory(): string {
  const { status, stdout, stderr } = spawnSync(join(installation().root, 'scripts', 'toolchain'), {
    encoding: 'utf8',
  });
  if (status === 0) return stdout.trim();
  throw new CliError(exitCodes.failed, `no fitting Node was found: ${stderr.trim()}`);
}
