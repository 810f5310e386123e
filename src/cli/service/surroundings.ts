import { homedir, userInfo } from 'node:os';
import { CliError, exitCodes } from '../cli-error.ts';
import { launchd } from './launchd.ts';
import type { ServiceManager } from './service-manager.ts';
import { systemd } from './systemd.ts';

/** Who asks for a service, and where. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly homeDir: string;
  readonly uid: number;
  readonly userName: string;
}

export function ownSurroundings(): Surroundings {
  const uid = process.getuid?.() ?? -1;
  return { platform: process.platform, env: process.env, homeDir: homedir(), uid, userName: userName(uid) };
}

/** The service manager of this user. Throws a `CliError` where there is none, or when the user is borrowed. */
export function serviceManager(surroundings: Surroundings): ServiceManager {
  const { platform, env, uid } = surroundings;
  // Throughline turns away other users than its own: a service of root would serve nobody who asked for it this way.
  const borrower = env.SUDO_USER ?? env.DOAS_USER;
  if (uid === 0 && borrower !== undefined && borrower !== 'root')
    throw new CliError(
      exitCodes.failed,
      `this would be a service of root, which answers nobody but root`,
      `Run it as ${borrower}, without sudo.`,
    );
  if (platform === 'linux') return systemd(surroundings);
  if (platform === 'darwin') return launchd(surroundings);
  throw new CliError(
    exitCodes.failed,
    `"throughline service" knows systemd and launchd, and ${platform} has neither`,
    'Let the service manager that it has run "throughline up".',
  );
}

/** A user id may have no entry in the list of users. */
function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}
