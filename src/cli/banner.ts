import type { ResolvedConfig } from '#config';
import type { ListeningAddress } from '#generation';
import type { RunState, ServiceStatus } from '#supervisor';
import { painted } from './output.ts';
import { urlOf } from './url.ts';

const names = { core: 'proxy-core', recorder: 'recorder', data: 'proxy-data' } as const;

/** What `up` prints when the services stand: at most twelve lines. */
export function bannerLines(
  state: RunState,
  options: { readonly config: ResolvedConfig; readonly version: string },
): string[] {
  const { config, version } = options;
  const front = addressOf(state, 'front') ?? addressOf(state, 'core');
  const runsCore = state.services.some((one) => one.service === 'core');
  const lines = [`throughline ${version}`, ...state.services.map((one) => serviceLine(one, state, config))];
  if (runsCore && front !== undefined) {
    lines.push('', `Use it      export ANTHROPIC_BASE_URL=${urlOf(front)}`);
    if (config.core.dataAddress !== undefined)
      lines.push(`Look at it  ${urlOf(front)}/  or: throughline tail`);
    lines.push('Stop it     Ctrl+C: open requests finish first, a second Ctrl+C stops now');
  }
  return lines;
}

function serviceLine(one: ServiceStatus, state: RunState, config: ResolvedConfig): string {
  const isReady = one.state === 'ready';
  const sign = isReady ? painted('green', '✔') : painted('red', '✖');
  const facts = isReady ? factsOf(one, state, config) : (one.trouble ?? 'is still starting');
  return `  ${sign} ${names[one.service].padEnd(11)} ${facts}`;
}

function factsOf(one: ServiceStatus, state: RunState, config: ResolvedConfig): string {
  if (one.service === 'recorder') return `database ${config.recorder.store.path}`;
  if (one.service === 'data') return addresses(state, ['data']);
  const provider = config.core.providers.find(({ name }) => name === config.core.defaultProvider);
  return `${addresses(state, ['front', 'core'])}  forwarding to ${provider?.origin ?? 'nowhere'}${provider?.basePath ?? ''}`;
}

/** One address per purpose: the others are the same port of another family. */
function addresses(state: RunState, purposes: readonly string[]): string {
  return purposes
    .flatMap((purpose) => addressOf(state, purpose) ?? [])
    .map(urlOf)
    .join(' and ');
}

function addressOf(state: RunState, purpose: string): ListeningAddress | undefined {
  return state.addresses.find((address) => address.purpose === purpose);
}
