import { join } from 'node:path';
import {
  type AccessConfig,
  type CoreConfig,
  type CoreProvider,
  type CoreTimeouts,
  coreConfigVersion,
  type ModelOverrides,
  type ModelSettings,
  type ProviderTimeouts,
  type RouteRule,
  type WeightedKey,
} from '#core-config';
import { resolveTarget } from './balance-target.ts';
import type { ReadConfig } from './config-schema.ts';
import { isLoopback } from './network-readers.ts';
import { readProviderAddress } from './provider-address.ts';
import { providerResilience } from './provider-resilience.ts';
import { isFormat } from './provider-rules.ts';
import type { ReadProvider } from './provider-schema.ts';
import type {
  DataConfig,
  ResolvedConfig,
  StoreConfig,
  SupervisorConfig,
  TranscriptsConfig,
} from './resolved-config.ts';
import { readRouteTarget } from './route-readers.ts';

/** What was found out beside the file's own values. */
export interface Surroundings {
  readonly dataDir: string;
  readonly databasePath: string;
  /** Token of the data directory; empty when there is none yet. */
  readonly generatedToken: string;
  /** PEM text by provider name. */
  readonly certificates: ReadonlyMap<string, string>;
  /** All keys of a provider by its name. */
  readonly keys: ReadonlyMap<string, readonly WeightedKey[]>;
  readonly shown: DataConfig['shown'];
  /** Where Claude Code keeps its files. */
  readonly claudeDirs: readonly string[];
  readonly codexDirs: readonly string[];
  readonly processors: number;
  /** True when the user, not a default, gave the key its value. */
  isSet(key: string): boolean;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Makes the parts for each program out of a configuration that passed all checks. Pure. */
export function resolveConfig(config: ReadConfig, around: Surroundings): ResolvedConfig {
  const { dataDir } = around;
  const core = coreConfig(config, around);
  const store: StoreConfig = { engine: config.storage.engine, path: around.databasePath };
  const journalDirectory = core.journal.directory;
  const logLevel = config.log.level;
  const { server, recorder } = config;
  return {
    dataDir,
    core,
    recorder: {
      dataDir,
      journalDirectory,
      store,
      replayAgeMsMax: recorder.replay_age,
      replayBytesMax: recorder.replay_bytes,
      logLevel,
    },
    data: {
      dataDir,
      journalDirectory,
      store,
      access: core.access,
      ports: [...new Set([server.port, server.data_port])],
      logLevel,
      routing: {
        providers: core.providers.map(({ name, format }) => ({ name, format })),
        defaultProvider: core.defaultProvider,
        routes: core.routes ?? [],
      },
      ...retentionConfig(config.storage),
      claudeDirs: around.claudeDirs,
      transcripts: transcriptsConfig(config.transcripts, around),
      prices: config.prices,
      shown: around.shown,
    },
    supervisor: supervisorConfig(config, around),
  };
}

function retentionConfig({
  keep_days,
  keep_bodies_days,
  max_size,
  min_free,
}: ReadConfig['storage']): Pick<DataConfig, 'keepMs' | 'keepBodiesMs' | 'storeBytesMax' | 'freeBytesMin'> {
  return {
    ...(keep_days === undefined ? {} : { keepMs: keep_days * dayMs }),
    ...(keep_bodies_days === undefined ? {} : { keepBodiesMs: keep_bodies_days * dayMs }),
    ...(max_size === undefined ? {} : { storeBytesMax: max_size }),
    ...(min_free === undefined ? {} : { freeBytesMin: min_free }),
  };
}

function transcriptsConfig(
  { index, keep_deleted, claude_directories, codex_directories }: ReadConfig['transcripts'],
  { claudeDirs, codexDirs }: Surroundings,
): TranscriptsConfig {
  const claude = claude_directories.length > 0 ? claude_directories : claudeDirs;
  const codex = codex_directories.length > 0 ? codex_directories : codexDirs;
  const roots = [
    ...claude.map((directory) => ({ kind: 'claude' as const, directory: join(directory, 'projects') })),
    ...codex.map((directory) => ({ kind: 'codex' as const, directory: join(directory, 'sessions') })),
  ];
  return { roots: index ? roots : [], keepsDeleted: keep_deleted };
}

function coreConfig(config: ReadConfig, around: Surroundings): CoreConfig {
  const { server, journal } = config;
  return {
    version: coreConfigVersion,
    dataDir: around.dataDir,
    journal: {
      directory: join(around.dataDir, 'journal'),
      pendingBytesMax: journal.pending_bytes,
      segmentBytesMax: journal.segment_bytes,
      segmentAgeMsMax: journal.segment_age,
      durability: journal.durability,
      fsyncIntervalMs: journal.fsync_interval,
      quotaBytes: journal.quota,
      ballastBytes: journal.ballast,
      bodyBytesMax: journal.body_bytes,
    },
    limits: {
      headBytesMax: server.limits.head_bytes,
      headerFieldsMax: server.limits.header_fields,
      requestBytesMax: server.limits.body_bytes,
      pipedRequestsMax: server.limits.piped_requests,
    },
    timeouts: coreTimeouts(server.timeouts, around),
    access: accessConfig(config, around),
    providers: Object.entries(config.providers).map(([name, provider]) =>
      coreProvider(name, provider, config, around),
    ),
    defaultProvider: config.default_provider,
    routes: routeRules(config),
    claudeDirs: around.claudeDirs,
    ...(server.front === 'builtin'
      ? { dataAddress: { host: reachableHost(server.host), port: server.data_port } }
      : { ports: [server.port] }),
  };
}

function coreTimeouts(timeouts: ReadConfig['server']['timeouts'], around: Surroundings): CoreTimeouts {
  const olderName = (older: number | undefined, key: string, current: number) =>
    older === undefined || around.isSet(`server.timeouts.${key}`) ? current : older;
  return {
    clientHeadMs: timeouts.client_head,
    clientBodyIdleMs: olderName(timeouts.read, 'client_body_idle', timeouts.client_body_idle),
    keepAliveMs: olderName(timeouts.idle, 'keep_alive', timeouts.keep_alive),
    upstreamConnectMs: timeouts.upstream_connect,
    upstreamFirstByteMs: timeouts.upstream_first_byte,
    upstreamIdleMs: timeouts.upstream_idle,
    drainMs: timeouts.drain,
  };
}

function accessConfig({ server }: ReadConfig, around: Surroundings): AccessConfig {
  return {
    allowedHosts: server.allowed_hosts,
    allowedOrigins: server.cors_origins,
    tokenRequired: server.host.some((host) => !isLoopback(host)),
    token: server.token ?? around.generatedToken,
    checkPeerUser: server.check_peer_user,
  };
}

/** The rules of the file, then those that follow from other keys. */
function routeRules(config: ReadConfig): RouteRule[] {
  const { routes, subagents } = config;
  const mappings = subagents.enable ? Object.entries(subagents.mappings) : [];
  return [
    ...routes.map((rule) => ({ ...rule, to: resolveTarget(rule.to, config) })),
    ...mappings.flatMap(([agent, target]) => {
      const reading = readRouteTarget(target);
      if ('wrong' in reading) throw new Error(`the mapping of ${agent} was resolved without a check`);
      return [{ name: `the mapping of subagent ${agent}`, when: { agent: [agent] }, to: reading.value }];
    }),
  ];
}

function coreProvider(
  name: string,
  provider: ReadProvider,
  config: ReadConfig,
  around: Surroundings,
): CoreProvider {
  const isDefault = name === config.default_provider;
  const reading = readProviderAddress(provider.base_url ?? '', {
    allowHttp: provider.allow_http,
    format: provider.format,
  });
  if ('wrong' in reading || !isFormat(provider.format))
    throw new Error(`provider ${name} was resolved without a check`);
  const ca = around.certificates.get(name);
  const keys = around.keys.get(name) ?? [];
  const { proxy, api_key_header: keyHeader, version } = provider;
  const headers = Object.entries(provider.headers).flatMap(([field, value]) =>
    value === undefined ? [] : [[field, value] as const],
  );
  const query = new URLSearchParams(
    Object.entries(provider.query).map(([field, value]): [string, string] => [field, value ?? '']),
  );
  const timeouts = providerTimeouts(provider.timeouts);
  const models = Object.entries(provider.models).map(([match, model]) => modelSettings(match, model));
  const resilience = providerResilience(name, config);
  return {
    name,
    format: provider.format,
    ...reading.value,
    auth: provider.auth ?? (keys.length > 0 ? 'key' : isDefault ? 'client' : 'none'),
    ...(keys[0] === undefined ? {} : { apiKey: keys[0].key }),
    ...(keys.length < 2 ? {} : { apiKeys: keys }),
    ...(keyHeader === undefined ? {} : { keyHeader }),
    ...(version === undefined ? {} : { anthropicVersion: version }),
    ...(ca === undefined ? {} : { ca }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.size === 0 ? {} : { query: query.toString() }),
    ...(proxy === undefined || proxy === 'none' ? {} : { proxy }),
    ...(Object.keys(timeouts).length === 0 ? {} : { timeouts }),
    ...(models.length === 0 ? {} : { models }),
    ...(resilience === undefined ? {} : { resilience }),
  };
}

function providerTimeouts({
  connect,
  first_byte: firstByte,
  idle,
}: ReadProvider['timeouts']): ProviderTimeouts {
  return {
    ...(connect === undefined ? {} : { connectMs: connect }),
    ...(firstByte === undefined ? {} : { firstByteMs: firstByte }),
    ...(idle === undefined ? {} : { idleMs: idle }),
  };
}

function modelSettings(match: string, { name, ...written }: ReadProvider['models'][string]): ModelSettings {
  const capabilities: ModelOverrides = withoutAbsent({
    maxTokensField: written.max_tokens_field,
    maxOutputTokens: written.max_output_tokens,
    temperature: written.temperature,
    topP: written.top_p,
    topK: written.top_k,
    stop: written.stop,
    stopMax: written.stop_max,
    images: written.images,
    documents: written.documents,
    tools: written.tools,
    parallelTools: written.parallel_tools,
    toolChoice: written.tool_choice,
    toolsMax: written.tools_max,
    toolDescriptionMax: written.tool_description_max,
    strictTools: written.strict_tools,
    reasoningEffort: written.reasoning_effort,
    effortLevels: written.effort_levels,
    streamUsage: written.stream_usage,
    systemRole: written.system_role,
  });
  return {
    match,
    ...(name === undefined ? {} : { name }),
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
  };
}

type Present<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> };

function withoutAbsent<T extends object>(all: T): Present<T> {
  // The cast says what the filter does.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Present<T>;
}

function supervisorConfig({ server, core, log }: ReadConfig, around: Surroundings): SupervisorConfig {
  const ports = [
    ...(server.front === 'builtin' ? [['front', server.port] as const] : []),
    ['core', server.core_port] as const,
    ['data', server.data_port] as const,
  ];
  return {
    dataDir: around.dataDir,
    listeners: ports.flatMap(([purpose, port]) => server.host.map((host) => ({ purpose, host, port }))),
    drainMs: server.timeouts.drain,
    coreWorkers: core.workers === 0 ? workersFor(around.processors) : core.workers,
    logLevel: log.level,
  };
}

/** A second process takes memory, and on a small machine the services beside it have better use for the processors. */
function workersFor(processors: number): number {
  return processors >= 4 ? 2 : 1;
}

/** Where this machine itself reaches a service that listens on these addresses. */
function reachableHost(hosts: readonly string[]): string {
  const host = hosts[0] ?? '127.0.0.1';
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
}
