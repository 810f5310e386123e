import type { RuleProblem } from './config-problem.ts';
import type { ReadConfig } from './config-schema.ts';
import { nearestName } from './nearest-name.ts';
import { isLoopback } from './network-readers.ts';
import { checkProvider, didYouMean } from './provider-rules.ts';
import { readRouteTarget } from './route-readers.ts';

/** Checks what needs more than one key. Pure; finds everything, not only the first problem. */
export function checkRules(config: ReadConfig): readonly RuleProblem[] {
  const providers = Object.entries(config.providers);
  return [
    ...checkListening(config),
    ...checkPorts(config),
    ...providers.flatMap(([name, provider]) => [...checkProvider(name, provider, config)]),
    ...checkNames(config),
    ...checkNotices(config),
  ];
}

function* checkListening({ server }: ReadConfig): Generator<RuleProblem> {
  const remote = server.host.find((host) => !isLoopback(host));
  if (remote === undefined) return;
  const missing = [
    ...(server.token === undefined ? ['server.token'] : []),
    ...(server.allow_remote ? [] : ['server.allow_remote: true']),
  ];
  if (missing.length === 0) return;
  yield {
    code: 'E1007',
    path: ['server', 'host'],
    sentence: `server.host ${remote} can be reached by other machines, and ${missing.join(' and ')} is not set`,
    fix: 'Set both in the configuration file, or listen on localhost. Recorded prompts are readable to whoever gets in.',
  };
}

function* checkPorts({ server }: ReadConfig): Generator<RuleProblem> {
  const used = new Map<number, string>();
  for (const key of ['port', 'core_port', 'data_port'] as const) {
    if (server[key] === 0 || (key === 'port' && server.front === 'none')) continue;
    const other = used.get(server[key]);
    used.set(server[key], key);
    if (other === undefined) continue;
    yield {
      code: 'E1010',
      path: ['server', key],
      sentence: `server.${key} and server.${other} are both ${server[key]}`,
      fix: `Give each its own port; the defaults are 3000 (port), 3001 (core_port) and 3002 (data_port).`,
    };
  }
}

/** Keys outside `providers` that name a provider. */
function* checkNames(config: ReadConfig): Generator<RuleProblem> {
  const named = function* (path: readonly PropertyKey[], name: string): Generator<RuleProblem> {
    if (Object.hasOwn(config.providers, name)) return;
    const fix = didYouMean(name, config);
    const sentence = `${path.map(String).join('.')} names the provider '${name}', which does not exist`;
    yield { code: 'E1006', path, sentence, ...(fix === undefined ? {} : { fix }) };
  };
  yield* named(['default_provider'], config.default_provider);
  for (const [agent, target] of Object.entries(config.subagents.mappings)) {
    const path = ['subagents', 'mappings', agent];
    const reading = readRouteTarget(target);
    if ('value' in reading && reading.value.model !== undefined) yield* named(path, reading.value.provider);
    else {
      const sentence = `the mapping of subagent '${agent}' is not "provider:model"`;
      yield { code: 'E1003', path, sentence, fix: 'Write for example "openai:gpt-5".' };
    }
  }
  for (const [name, provider] of Object.entries(config.providers)) {
    for (const written of provider.fallback ?? []) {
      const path = ['providers', name, 'fallback'];
      const reading = readRouteTarget(written);
      if ('value' in reading) {
        yield* named(path, reading.value.provider);
        if (reading.value.provider !== name || reading.value.model !== undefined) continue;
        const sentence = `provider '${name}' cannot have itself in fallback`;
        const fix = `Name another provider, or another model of this one: "${name}:model".`;
        yield { code: 'E1006', path, sentence, fix };
      } else {
        const sentence = `provider '${name}' has an entry of fallback that ${reading.wrong}`;
        yield { code: 'E1006', path, sentence, fix: 'Write "provider" or "provider:model".' };
      }
    }
  }
  for (const [index, { to, fallback }] of config.routes.entries()) {
    const path = ['routes', index, 'to'];
    for (const { provider } of fallback ?? []) yield* named(['routes', index, 'fallback'], provider);
    if (to.kind === 'one') yield* named(path, to.target.provider);
    else {
      for (const { provider } of to.providers ?? []) yield* named([...path, 'providers'], provider);
      if (to.task !== undefined && !Object.hasOwn(config.routing.tasks, to.task))
        yield noTask(path, to.task, config);
    }
  }
  for (const [task, { providers = [] }] of Object.entries(config.routing.tasks)) {
    for (const [index, name] of providers.entries())
      yield* named(['routing', 'tasks', task, 'providers', index], name);
  }
  for (const name of Object.keys(config.routing.provider_profiles))
    yield* named(['routing', 'provider_profiles', name], name);
}

function noTask(path: readonly PropertyKey[], task: string, { routing }: ReadConfig): RuleProblem {
  const guess = nearestName(task, Object.keys(routing.tasks));
  return {
    code: 'E1006',
    path,
    sentence: `${path.map(String).join('.')} names the task '${task}', which routing.tasks does not have`,
    ...(guess === undefined ? {} : { fix: `Did you mean '${guess}'?` }),
  };
}

function* checkNotices(config: ReadConfig): Generator<RuleProblem> {
  const notice = (path: readonly PropertyKey[], sentence: string): RuleProblem => ({
    code: 'W1011',
    path,
    sentence,
  });
  const { timeouts } = config.server;
  for (const key of ['upstream_first_byte', 'upstream_idle'] as const) {
    const isShort = timeouts[key] > 0 && timeouts[key] < 600_000;
    if (isShort)
      yield notice(['server', 'timeouts', key], `${key} is below 10 minutes: long answers may be cut`);
  }
  if (timeouts.write !== undefined) {
    yield notice(
      ['server', 'timeouts', 'write'],
      'server.timeouts.write has no effect: answers have no time limit',
    );
  }
  yield* checkUnused(config, notice);
  for (const [name, provider] of Object.entries(config.providers)) {
    if (!provider.api_key?.startsWith('sk-ant-') || provider.format === 'anthropic') continue;
    yield notice(
      ['providers', name, 'api_key'],
      `provider '${name}' is not Anthropic but gets a key that looks like Anthropic's`,
    );
  }
}

/** What no rule leads to decides nothing. */
function* checkUnused(
  { routes, routing }: ReadConfig,
  notice: (path: readonly PropertyKey[], sentence: string) => RuleProblem,
): Generator<RuleProblem> {
  const shared = routes.flatMap(({ to }) => (to.kind === 'several' ? [to] : []));
  for (const task of Object.keys(routing.tasks)) {
    if (shared.some((to) => to.task === task)) continue;
    const path = ['routing', 'tasks', task];
    yield notice(path, `no rule leads to task '${task}': write to: { task: ${task} } in one of routes`);
  }
  if (shared.length === 0 && Object.keys(routing.provider_profiles).length > 0) {
    yield notice(
      ['routing', 'provider_profiles'],
      'no rule leads to several providers, so profiles decide nothing',
    );
  }
}
