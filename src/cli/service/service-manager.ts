import type { LoadOptions } from '#config';
import type { ServiceFacts } from './service-facts.ts';
import type { UnitFile } from './unit-file.ts';

/** What starts programs of one user with the machine and keeps them running. */
export interface ServiceManager {
  readonly name: 'systemd' | 'launchd';
  /** What its service sees of the environment. Throws a `CliError` when this user has no session here. */
  environment(): LoadOptions['env'];
  /** The files that define the service. Reads templates of this installation, writes nothing. */
  define(facts: ServiceFacts): readonly UnitFile[];
  /** Where those files are, whatever stands in them. */
  readonly paths: readonly string[];
  /** Makes what was written run, now and from every start on. Throws a `CliError`. */
  activate(): void;
  /** Ends it, and does not start it any more. Returns when open requests have ended. Throws a `CliError`. */
  deactivate(): void;
  /** After the files are gone. */
  forget(): void;
  state(): ManagedState;
  /** What `activate` does, as one would type it. */
  readonly activation: readonly string[];
  /** Sentences about what is left to the user after an installation. */
  advice(options: { readonly isReplaced: boolean }): readonly string[];
}

export interface ManagedState {
  /** Starts by itself; undefined when the manager cannot be asked. */
  readonly isEnabled: boolean | undefined;
  readonly isRunning: boolean | undefined;
  readonly pid?: number;
  /** Why it cannot be asked. */
  readonly trouble?: string;
}
