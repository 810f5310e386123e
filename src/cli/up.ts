import { formatConfigProblem } from '#config';
import { prepareProcess } from '#generation';
import {
  inheritedOptions,
  runSupervisor,
  type ServiceName,
  SupervisorError,
  type SupervisorOptions,
} from '#supervisor';
import { bannerLines } from './banner.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { installation } from './installation.ts';
import { note, print } from './output.ts';
import { prepareDataDir } from './prepare-data-dir.ts';
import { readConfig } from './read-config.ts';
import { planOf } from './service-plans.ts';

const servicesOf = {
  up: ['core', 'recorder', 'data'],
  core: ['core'],
  record: ['recorder'],
  data: ['data'],
} as const satisfies Record<string, readonly ServiceName[]>;

/**
 * Runs the services in the foreground until a signal, or `throughline stop`, ends them. When proxy-core has started
 * this command because its supervisor died, what that one ran goes on, whatever the configuration says by now.
 */
export async function up(command: keyof typeof servicesOf, options: GlobalOptions): Promise<void> {
  prepareProcess();
  keepRunningUnread();
  const inherited = await inheritedOptions();
  if (inherited !== undefined) return goOn(inherited);
  const loaded = await readConfig(options);
  for (const warning of loaded.warnings) note(formatConfigProblem(warning));
  const config = await prepareDataDir(loaded.config);
  const { version } = installation();
  const supervisor = await runSupervisor({
    config: config.supervisor,
    services: servicesOf[command].map((service) => planOf(service, config)),
    version,
    prettyLog: process.stderr.isTTY === true,
  }).catch(asCliError);
  const state = await Promise.race([supervisor.settled, supervisor.finished]);
  if (typeof state !== 'number') for (const line of bannerLines(state, { config, version })) print(line);
  if (supervisor.isFollower)
    note(
      'It went on without its supervisor, with the configuration it had. For the one it has now: throughline reload',
    );
  // Nothing may keep the process alive after everything it supervised has ended.
  process.exit(await supervisor.finished);
}

/** Nobody waits for a banner. Another one that was faster is no failure. */
async function goOn(options: SupervisorOptions): Promise<void> {
  const supervisor = await runSupervisor(options).catch((error: unknown) => {
    if (error instanceof SupervisorError && error.code === 'already-running') return undefined;
    throw error;
  });
  process.exit(supervisor === undefined ? 0 : await supervisor.finished);
}

/** Whoever reads the output may leave; traffic must not notice. */
function keepRunningUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', () => {});
  }
}

function asCliError(error: unknown): never {
  if (error instanceof SupervisorError) throw new CliError(exitCodes.failed, error.message);
  throw error;
}
