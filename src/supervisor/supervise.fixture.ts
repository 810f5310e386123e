/** Test program: a supervisor of stand-in services, described by its argument. Says where it listens, once settled. */
import { fileURLToPath } from 'node:url';
import { inheritedOptions, runSupervisor } from './index.ts';
import type { StandInConfig } from './stand-in-service.fixture.ts';
import { type ServiceName, SupervisorError, type SupervisorSettings } from './supervisor-options.ts';

export interface SuperviseOptions {
  readonly config: SupervisorSettings;
  readonly services: Readonly<Partial<Record<ServiceName, StandInConfig>>>;
  /** Default 1. */
  readonly coreWorkers?: number;
}

const purposes = { core: ['front', 'core'], data: ['data'], recorder: [] } as const;
const { config, services, coreWorkers = 1 } = JSON.parse(process.argv[2] ?? '') as SuperviseOptions;
const program = fileURLToPath(new URL('./stand-in-service.fixture.ts', import.meta.url));
try {
  const supervisor = await runSupervisor(
    (await inheritedOptions()) ?? {
      config,
      version: '1.0.0',
      prettyLog: false,
      services: (Object.keys(services) as ServiceName[]).map((service) => ({
        service,
        program,
        workers: service === 'core' ? coreWorkers : 1,
        purposes: purposes[service],
        order: () => services[service],
      })),
    },
  );
  void supervisor.settled.then((state) => process.stdout.write(`${JSON.stringify(state)}\n`));
  process.exit(await supervisor.finished);
} catch (error) {
  process.stdout.write(
    `${error instanceof SupervisorError ? `${error.code}: ` : ''}${(error as Error).message}\n`,
  );
  process.exit(1);
}
