import type { ResolvedConfig } from '#config';
import type { ListeningAddress } from '#generation';
import type { ServiceName, ServicePlan } from '#supervisor';
import { coreNodeOptions } from './core-node-options.ts';
import { installation } from './installation.ts';

/** What to run for a service, with the programs of this installation. */
export function planOf(service: ServiceName, config: ResolvedConfig): ServicePlan {
  if (service === 'core') return corePlan(config);
  return service === 'recorder' ? recorderPlan(config) : dataPlan(config);
}

/** proxy-core serves the front when there is one, and pipes to the address that proxy-data really has. */
function corePlan(config: ResolvedConfig): ServicePlan {
  return {
    service: 'core',
    program: installation().programs.core,
    nodeOptions: coreNodeOptions,
    workers: config.supervisor.coreWorkers,
    purposes: ['front', 'core'],
    order: (bound) => {
      const data = bound.find((address) => address.purpose === 'data');
      // A supervisor runs proxy-core alone, or all three.
      if (data === undefined) return config.core;
      const { dataAddress } = config.core;
      return {
        ...config.core,
        isRecorderExpected: true,
        ...(dataAddress === undefined ? {} : { dataAddress: { host: data.host, port: data.port } }),
      };
    },
  };
}

function recorderPlan(config: ResolvedConfig): ServicePlan {
  return {
    service: 'recorder',
    program: installation().programs.recorder,
    purposes: [],
    order: () => config.recorder,
  };
}

/** proxy-data accepts a `Host` with its own port and with the port of the front. */
function dataPlan(config: ResolvedConfig): ServicePlan {
  return {
    service: 'data',
    program: installation().programs.data,
    purposes: ['data'],
    order: (bound) => ({ ...config.data, ports: portsOf(config, bound) }),
  };
}

function portsOf(config: ResolvedConfig, bound: readonly ListeningAddress[]): number[] {
  const reaching = bound
    .filter(({ purpose }) => purpose === 'front' || purpose === 'data')
    .map(({ port }) => port);
  return [...new Set([...config.data.ports, ...reaching])].filter((port) => port > 0);
}
